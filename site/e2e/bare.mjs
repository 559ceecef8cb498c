// Writes an app made of nothing but the lines of docs/nuxt.md: `node bare.mjs FOLDER`. What an app has
// before (Nuxt, TypeScript, versions that are held back) comes from the site's package.json; install.sh
// holds the line that installs.
// `node bare.mjs FOLDER 3`: the same for Nuxt 3, whose app's own folder is FOLDER.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const [folder, major] = process.argv.slice(2)
const guide = readFileSync(join(root, 'docs/nuxt.md'), 'utf8')

function write(path, text) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

const files = [...guide.matchAll(/^```\w+ \[([^\]\n]+)\]\n(.*?)^```/gms)]
for (const [, path, text] of files) write(major === '3' ? path.replace(/^app\//, '') : path, text)

// One more page, whose form speaks another language than the app.
const [, , form] = files.at(-1)
write(`${major === '3' ? '' : 'app/'}pages/english.vue`, form
  .replace("sereine')", "sereine', { locale: 'en' })")
  .replace('<LeadMagnetForm', '<NuxtLink to="/">Accueil</NuxtLink>\n  <LeadMagnetForm'))

const install = guide.match(/^npm install .*$/m)[0].replace('../lead-magnet/', root)
write('install.sh', `${install}\n`)

const { dependencies, devDependencies, overrides } = JSON.parse(readFileSync(join(root, 'site/package.json'), 'utf8'))
write('package.json', JSON.stringify({
  private: true,
  type: 'module',
  // As in Nuxt's own starter; TypeScript resolves an app's own Vue otherwise than one that Nuxt brings.
  dependencies: { nuxt: major === '3' ? '3.21.11' : dependencies.nuxt, vue: '^3.5.0' },
  devDependencies: { 'typescript': devDependencies.typescript, 'vue-tsc': devDependencies['vue-tsc'] },
  overrides: Object.fromEntries(Object.entries(overrides).filter(([name]) => major !== '3' || !name.startsWith('@nuxt/'))),
}))
write('tsconfig.json', major === '3' ? '{ "extends": "./.nuxt/tsconfig.json" }' : readFileSync(join(root, 'site/tsconfig.json'), 'utf8'))
write('.npmrc', readFileSync(join(root, 'site/.npmrc'), 'utf8'))
console.log(`the guide's files: ${files.map(([, path]) => path).join(', ')}`)
