// Judges recorded JSON messages (record.c) by the schemas of docs/reference/schemas.
//
//   node schemas.js MODULES SCHEMAS FILE...      each FILE, and each in a folder, has a message a line; CAN after one that was given up
//
// Prints "messages N", "cut N" and, for each schema that a message met, "met NAME N"; then what is wrong, and ends 1. Without a FILE
// the schemas alone are judged.
'use strict'
const fs = require('fs')
const path = require('path')
const [modules, folder, ...given] = process.argv.slice(2)
const Ajv = require(`${modules}/ajv/dist/2020`).default

const wrong = []
function fault (what) {
  if (wrong.length < 40) console.error(what)
  wrong.push(what)
}

// Each must be closed: a member that it does not have is a fault.
const ajv = new Ajv({ strict: true, allErrors: true, strictRequired: false, allowUnionTypes: true })
const validate = new Map()
for (const file of fs.readdirSync(folder).sort()) {
  const schema = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))
  if (schema.$id !== file) fault(`${file}: its $id is not its name`)
  if (!schema.title) fault(`${file}: it has no title`)
  try {
    ajv.addSchema(schema, file)
  } catch (e) {
    fault(`${file}: ${e.message}`)
  }
}
for (const file of fs.readdirSync(folder)) {
  const name = file.replace(/\.schema\.json$/, '')
  if (name === 'common') continue
  const schema = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))
  if (schema.properties?.schema?.const !== `keymuster.${name}/1`) fault(`${file}: it is not of keymuster.${name}/1`)
  if (schema.additionalProperties !== false && schema.unevaluatedProperties !== false) fault(`${file}: it is open`)
  try {
    const check = ajv.getSchema(file)
    if (check) validate.set(name, check)
  } catch (e) {
    fault(`${file}: ${e.message}`)
  }
}

// No value of a message in what is said: it may be of any size.
const seen = new Map()
const faults = new Map()
function judge (file, text) {
  let message
  try {
    message = JSON.parse(text)
  } catch {
    return fault(`${file}: not JSON: ${text.slice(0, 100)}`)
  }
  const name = /^keymuster\.(.*)\/1$/.exec(message.schema)?.[1]
  const check = validate.get(name)
  if (!check) return fault(`${file}: ${message.schema} has no schema`)
  seen.set(name, (seen.get(name) ?? 0) + 1)
  if (check(message)) return
  for (const e of check.errors) {
    const at = e.instancePath.replace(/\/\d+(?=\/|$)/g, '/*')
    const what = `${name}${at}: ${e.message} ${JSON.stringify(e.params)}`
    if (!faults.has(what)) faults.set(what, `${file}: ${text.slice(0, 1000)}`)
  }
}

function * filesOf (where) {
  if (!fs.statSync(where).isDirectory()) return yield where
  for (const name of fs.readdirSync(where).sort()) yield * filesOf(path.join(where, name))
}

let messages = 0
let cut = 0
for (const file of given.flatMap((where) => [...filesOf(where)])) {
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  const rest = lines.pop()
  if (rest !== '') cut++
  for (const line of lines) {
    if (line.endsWith('\u0018')) cut++
    else judge(path.join(path.basename(path.dirname(file)), path.basename(file)), line), messages++
  }
}
console.log(`messages ${messages}\ncut ${cut}\nschemas ${validate.size}`)
for (const [name, count] of [...seen].sort()) console.log(`met ${name} ${count}`)
for (const [what, where] of faults) fault(`${what}\n  ${where}`)
if (wrong.length > 40) console.error(`and ${wrong.length - 40} more`)
if (wrong.length > 0) process.exitCode = 1
