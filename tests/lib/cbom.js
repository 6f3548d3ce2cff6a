// A bill of materials before its judge: the strict validator of the CycloneDX project, and references that must lead somewhere.
//
//   node cbom.js MODULES FILE      nothing and 0, or what is wrong with it and 1
'use strict'
const fs = require('fs')
const [modules, file] = process.argv.slice(2)
const { Spec, Validation } = require(`${modules}/@cyclonedx/cyclonedx-library`)
const text = fs.readFileSync(file, 'utf8')

async function judge () {
  const found = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)
  if (found) return JSON.stringify(found)
  const bom = JSON.parse(text)
  if (bom.specVersion !== '1.6') return 'it is not 1.6'
  const all = [...(bom.metadata?.component ? [bom.metadata.component] : []), ...bom.components].map((c) => c['bom-ref']).filter((r) => r)
  const refs = new Set(all)
  if (refs.size !== all.length) return 'a bom-ref is there twice'
  for (const { ref, dependsOn = [] } of bom.dependencies) {
    for (const r of [ref, ...dependsOn]) if (!refs.has(r)) return `${r} leads nowhere`
  }
  for (const c of bom.components) {
    const p = c.cryptoProperties?.relatedCryptoMaterialProperties
    for (const r of p ? [p.algorithmRef, p.securedBy && p.securedBy.algorithmRef] : []) if (r && !refs.has(r)) return `${r} leads nowhere`
    if (p && 'value' in p) return 'a value'
  }
}
judge().then((wrong) => { if (wrong) { console.error(wrong); process.exitCode = 1 } })
