// One of our pages in a real Chromium, without a network: what it asks for, what it says on its console, what axe finds, and pictures.
//
//   node browser.js PAGE AXE [PICTURES]     AXE: axe.min.js; PICTURES: a folder for them
//
// One line of JSON: {"requests":[...],"console":[...],"axe":{"light":[...],"dark":[...]},"wide":N,"pages":N}. wide: how many pixels the page is
// wider than a telephone; pages: of its print. axe is evaluated by the debugger, so the page's own policy stays in force.
// A browser that does not answer for 40 s (seen on a busy machine) is ended, and another one asked, once.
'use strict'
const { spawn } = require('child_process')
const fs = require('fs')
const os = require('os')
const path = require('path')

const [page, axe, pictures] = process.argv.slice(2)
const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((p) => fs.existsSync(p))

// A browser of its own: ask sends it a command, until waits for an event; end ends it.
function start () {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'browser-'))
  const browser = spawn(program, ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--host-resolver-rules=MAP * ~NOTFOUND', '--remote-debugging-pipe',
    `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true })
  const gone = new Promise((resolve) => browser.once('exit', resolve))
  const waiting = new Map()
  const heard = []
  let rest = ''
  let last = 0
  browser.stdio[4].on('data', (data) => {
    const parts = (rest + data).split('\0')
    rest = parts.pop()
    for (const part of parts) {
      const message = JSON.parse(part)
      if (message.id === undefined) heard.push(message)
      else waiting.get(message.id)(message)
    }
  })
  const ask = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    const id = ++last
    const late = setTimeout(() => reject(new Silent(`no answer to ${method}`)), 40000)
    waiting.set(id, (m) => {
      clearTimeout(late)
      if (m.error) reject(new Error(`${method}: ${m.error.message}`))
      else resolve(m.result)
    })
    browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0')
  })
  const until = async (method) => {
    for (let i = 0; i < 600; i++) {
      if (heard.some((m) => m.method === method)) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Silent(`no ${method} in 30 s`)
  }
  const end = async () => {
    process.kill(-browser.pid, 'SIGKILL') // with its children
    await gone
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 })
  }
  return { ask, until, heard, end }
}

class Silent extends Error {}

async function look ({ ask, until, heard }) {
  const { targetId } = await ask('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await ask('Target.attachToTarget', { targetId, flatten: true })
  const to = (method, params) => ask(method, params, sessionId)
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await to('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  }
  const size = (width, height) => to('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 })
  const shot = async (name) => {
    if (!pictures) return
    const { data } = await to('Page.captureScreenshot', { captureBeyondViewport: true, format: 'png' })
    fs.writeFileSync(path.join(pictures, name), Buffer.from(data, 'base64'))
  }
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await to(`${domain}.enable`)
  heard.length = 0
  await size(1280, 900)
  await to('Page.navigate', { url: `file://${path.resolve(page)}` })
  await until('Page.loadEventFired')
  const found = {}
  await evaluate(fs.readFileSync(axe, 'utf8') + ';0')
  for (const scheme of ['light', 'dark']) {
    await to('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
    found[scheme] = await evaluate(`axe.run({ resultTypes: ['violations'] }).then((r) => r.violations.map((v) =>
      ({ id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 5).map((n) => n.html.slice(0, 200)) })))`)
    await shot(`desktop-${scheme}.png`)
  }
  await size(390, 844)
  const wide = await evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  await shot('phone.png')
  await to('Emulation.setEmulatedMedia', { features: [] })
  const { data } = await to('Page.printToPDF', { preferCSSPageSize: true })
  const pdf = Buffer.from(data, 'base64')
  if (pictures) fs.writeFileSync(path.join(pictures, 'print.pdf'), pdf)
  const pages = (pdf.toString('latin1').match(/\/Type\s*\/Page\b/g) || []).length
  const requests = heard.filter((m) => m.method === 'Network.requestWillBeSent').map((m) => m.params.request.url)
  const said = heard.filter((m) => m.method === 'Log.entryAdded' || m.method === 'Runtime.consoleAPICalled').map((m) => m.params.entry ? m.params.entry.text : m.params.type)
  console.log(JSON.stringify({ requests, console: said, axe: found, wide, pages }))
}

async function main () {
  for (let tries = 1; ; tries++) {
    const browser = start()
    try {
      return await look(browser)
    } catch (e) {
      if (!(e instanceof Silent) || tries === 2) throw e
      console.error(`${e.message}; another browser is asked`)
    } finally {
      await browser.end()
    }
  }
}

main().catch((e) => { console.error(String(e)); process.exitCode = 1 })
