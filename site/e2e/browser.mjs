// A visitor's browser, and what is looked at on every page: axe, the width of a small phone, pictures.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { artefacts, at, visitor } from './stack.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = `${artefacts}/pictures`
const WIDTHS = { wide: [1280, 800], narrow: [360, 740] }

let browser
let visitors = 0

export async function open() {
  rmSync(pictures, { recursive: true, force: true })
  mkdirSync(pictures, { recursive: true })
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
}

export async function close() {
  await browser?.close()
}

/** A person who comes from an address of her own, with a browser in English: the site is French. */
export async function person(options = {}) {
  visitors += 1
  visitor.address = `127.0.1.${visitors}`
  const context = await browser.newContext({
    baseURL: at.site, locale: 'en-GB', reducedMotion: 'reduce', acceptDownloads: true, ...options,
  })
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const went = []
  const broken = []
  context.on('request', request => went.push(request.url()))
  context.on('page', each => each.on('pageerror', error => broken.push(error.message)))
  page.on('pageerror', error => broken.push(error.message))
  page.on('console', message => {
    // A problem of the API is an answer like any other; the browser reports its status as an error.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) broken.push(message.text())
  })
  return {
    context,
    page,
    address: visitor.address,
    email: `ada${visitors}@example.org`,
    went,
    /** Says goodbye; nothing broke on the way and nothing was fetched from elsewhere. */
    async leave() {
      const places = new Set(went.filter(url => url.startsWith('http')).map(url => new URL(url).origin))
      await context.close()
      assert.deepEqual(broken, [])
      for (const each of places) assert.ok(each.startsWith('http://127.0.0.1:'), `fetched from ${each}`)
    },
  }
}

/** A page in one of its states: accessible, wide enough nowhere, and pictured for people to look at. */
export async function look(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    for (const [width, [x, y]] of Object.entries(WIDTHS)) {
      await page.setViewportSize({ width: x, height: y })
      await page.evaluate(() => scrollTo(0, 0))
      await page.screenshot({ path: `${pictures}/${name}-${width}-${scheme}.png`, fullPage: true })
    }
    await accessible(page, `${name}, ${scheme}`)
  }
  await page.setViewportSize({ width: 320, height: 640 })
  const overflow = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth)
  assert.ok(overflow <= 0, `${name}: ${overflow} px too wide for a screen of 320`)
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await page.setViewportSize({ width: 1280, height: 800 })
  if (name.startsWith('admin')) assert.deepEqual(await page.evaluate(badBreaks), [], name)
}

/** Where a line could begin with a sign, or "e-mail" be broken: not in what somebody else has written. */
function badBreaks() {
  const found = []
  for (let nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); nodes.nextNode();) {
    const { parentElement, data } = nodes.currentNode
    if (!parentElement.closest('blockquote, [lang]:not(html), script, style') && /« | [:;?!»%](?!\S)|\be-mail/i.test(data)) found.push(data)
  }
  return found
}

async function accessible(page, name) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  const found = violations.map(({ impact, id, nodes }) => `${impact} ${id}: ${nodes.map(node => node.html).join(' ')}`)
  assert.deepEqual(found, [], name)
}

/** The part of the address bar that everybody may see. */
export const shown = page => page.url().replace(at.site, '')
