// The site in a real browser, against `make run`'s stack. One process, so one stack for all tests.

import { after, before } from 'node:test'
import * as browser from './browser.mjs'
import * as stack from './stack.mjs'

const LONGEST_MS = 30 * 60_000

before(async () => {
  await stack.start()
  await browser.open()
}, { timeout: 300_000 })

after(async () => {
  await browser.close()
  await stack.stop()
}, { timeout: 60_000 })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await browser.close().catch(() => {})
    await stack.stop()
    process.exit(1)
  })
}
setTimeout(() => {
  console.error(`not done after ${LONGEST_MS / 60_000} minutes`)
  process.kill(process.pid, 'SIGTERM')
}, LONGEST_MS).unref()

if (process.env.E2E_APP) {
  await import('./layer.mjs')
} else {
  await import('./funnel.mjs')
  await import('./leaving.mjs')
  await import('./privacy.mjs')
  await import('./languages.mjs')
  await import('./admin.mjs')
  const { testWhatTheSiteWrote } = await import('./promises.mjs')
  await import('./studio.mjs')
  testWhatTheSiteWrote()
}
