// What must not happen: a scanner that acts, a token that leaks, an address that is forged.

import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { clickForFile, heading, links, signUp } from './funnel.mjs'
import { at, everythingKept, mail, output, sql, visitor } from './stack.mjs'

test('a scanner that opens every link and runs the scripts changes nothing', async () => {
  const ada = await person()
  await signUp(ada)
  const { html } = await mail(ada.email)
  const { oneClick } = await links(ada.email)
  const found = [...html.matchAll(/href="([^"]+)"/g)].map(([, url]) => url.replaceAll('&amp;', '&'))
  assert.ok(found.length >= 3)
  const before = everythingKept()
  const scanner = await person()
  for (const url of [...new Set([...found, oneClick])]) {
    await scanner.page.goto(url, { waitUntil: 'networkidle' })
    for (const method of ['GET', 'HEAD', 'OPTIONS']) await fetch(url, { method })
  }
  assert.deepEqual(everythingKept(), before)
  await scanner.leave()
  await ada.leave()
})

test('a script that found its way into a page does not run', async () => {
  const ada = await person()
  for (const path of ['/', '/admin']) {
    const { headers } = await fetch(at.site + path, { headers: { accept: 'text/html' } })
    const [, scripts] = headers.get('content-security-policy').match(/script-src ([^;]*)/)
    assert.ok(!scripts.includes('unsafe'), scripts)
    await ada.page.goto(path)
    assert.equal(await ada.page.evaluate(() => {
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))
      return window.ran
    }), undefined)
  }
  // Not leave(), for which the browser's complaint would be something broken.
  await ada.context.close()
})

test('the token stays out of the page’s source, the address bar and the referrer, and outlives a reload', async () => {
  const ada = await person()
  await signUp(ada)
  const { confirm } = await links(ada.email)
  const token = new URL(confirm).searchParams.get('token')

  const response = await fetch(confirm)
  assert.ok(!(await response.text()).includes(token))
  assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
  assert.equal(response.headers.get('cache-control'), 'no-store')

  const { page } = ada
  const referrers = []
  page.on('request', each => referrers.push(each.headers().referer ?? ''))
  await page.goto(confirm)
  await heading(page, 'Votre guide vous attend')
  const places = await page.evaluate(() => [
    location.href, document.cookie,
    JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.documentElement.outerHTML,
  ])
  for (const place of places) assert.ok(!place.includes(token), place.slice(0, 300))
  await clickForFile(page, 'Confirmer et recevoir le guide')
  for (const each of referrers) assert.ok(!each.includes(token))

  // A phone may drop the page while the guide is read.
  await page.reload()
  await page.getByText('est déjà confirmée').waitFor()
  assert.equal(shown(page), '/lead-magnet/confirm?lang=fr')
  // The link belongs to this page alone, not to the next one in the same tab.
  await page.getByRole('link', { name: 'Mes données' }).click()
  await page.getByLabel('Votre adresse e-mail').waitFor()
  await page.goBack()
  await page.getByText('est déjà confirmée').waitFor()
  await ada.leave()
})

const addresses = email => sql(`SELECT DISTINCT host(ip) FROM lm_consent_context c
  JOIN lm_consent_events e ON e.id = c.event_id JOIN lm_subscribers s ON s.id = e.subscriber_id
  WHERE email = %s`, email).flat()

test('the ledger holds the visitor’s address, not the site’s, and no forged one', async () => {
  const ada = await person()
  await signUp(ada)
  assert.deepEqual(addresses(ada.email), [ada.address])
  assert.notEqual(ada.address, '127.0.0.1')
  await ada.leave()

  const liar = await person({ extraHTTPHeaders: { 'X-Forwarded-For': '203.0.113.7', 'Forwarded': 'for=203.0.113.7', 'X-Real-IP': '203.0.113.7' } })
  await signUp(liar)
  await liar.page.goto((await links(liar.email)).confirm)
  await clickForFile(liar.page, 'Confirmer et recevoir le guide')
  assert.deepEqual(addresses(liar.email), [liar.address])
  await liar.leave()
})

test('nothing but the public calls can be reached through the site', async () => {
  for (const path of [
    '/api/lead-magnet/../../metrics', '/api/lead-magnet/%2e%2e/%2e%2e/metrics', '/api/lead-magnet/..%2f..%2fmetrics',
    '/api/lead-magnet/../admin/lead-magnet/stats', '/api/lead-magnet/..\\..\\metrics', '/api/lead-magnet/x/../../../readyz',
  ]) {
    const [status, body] = await raw(path)
    assert.equal(status, 404, `${path}: ${body}`)
    assert.ok(!body.includes('"ok"') && !body.includes('# HELP'), path)
  }
  assert.equal((await raw('/api/lead-magnet/magnets/guide-mariee-sereine'))[0], 200)
})

// fetch() would tidy the path up before sending it.
function raw(path, options = {}) {
  const { hostname, port } = new URL(at.site)
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, path, agent: false, ...options }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve([response.statusCode, body, response.headers['content-type']])
    }).on('error', reject)
    if (options.method) call.flushHeaders()
    else call.end()
  })
}

test('the API’s answers pass the site unchanged: problems, statuses, headers', async () => {
  const signup = `${at.site}/api/lead-magnet/signup`
  const large = await fetch(signup, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: ' '.repeat(20_000) })
  assert.equal(large.status, 413)
  assert.equal((await large.json()).code, 'body_too_large')
  const wrong = await fetch(signup, { headers: { Cookie: 'session=secret' } })
  assert.equal(wrong.status, 405)
  assert.match(wrong.headers.get('allow'), /POST/)
  assert.equal(wrong.headers.get('content-type'), 'application/problem+json')
  const offer = `${at.site}/api/lead-magnet/magnets/guide-mariee-sereine`
  const etag = (await fetch(offer)).headers.get('etag')
  assert.equal((await fetch(offer, { headers: { 'If-None-Match': etag } })).status, 304)
})

test('a body without a length, or too large, is refused by the site as the API would', async () => {
  for (const [headers, expected] of [
    [{ 'Transfer-Encoding': 'chunked', 'Accept-Language': 'en-GB' }, [411, 'request_malformed', 'The request must say its length (Content-Length).']],
    [{ 'Content-Length': 400 * 1024, 'Accept-Language': 'en-GB' }, [413, 'body_too_large', 'The request is too large. Send less data.']],
    [{ 'Content-Length': 400 * 1024 }, [413, 'body_too_large', 'La requête est trop grande. Envoyez moins de données.']],
  ]) {
    const [status, body, type] = await raw('/api/lead-magnet/signup', { method: 'POST', headers })
    assert.equal(type, 'application/problem+json')
    const problem = JSON.parse(body)
    assert.deepEqual([status, problem.code, problem.detail], expected)
    assert.equal(problem.status, status)
    assert.ok(problem.title)
  }
})

test('visitors whose bodies stall hold none of the API’s threads', async () => {
  const { hostname, port } = new URL(at.site)
  const stalled = Array.from({ length: 40 }, () => {
    const call = request({
      hostname, port, agent: false, method: 'POST', path: '/api/lead-magnet/signup',
      headers: { 'Content-Type': 'application/json', 'Content-Length': 100 },
    })
    call.on('error', () => {})
    call.write('{"email":')
    return call
  })
  try {
    // The site has them by now, and hands none of them on.
    await new Promise(resolve => setTimeout(resolve, 500))
    const started = performance.now()
    assert.equal((await fetch(`${at.api}/healthz`)).status, 200)
    assert.ok(performance.now() - started < 1000)
  } finally {
    for (const call of stalled) call.destroy()
  }
})

test('a page on a listed origin may call the API directly, any other may not', async () => {
  const pages = await Promise.all([at.listed, at.unlisted].map(url => new Promise((resolve) => {
    const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Elsewhere</title>'))
    server.listen(new URL(url).port, '127.0.0.1', () => resolve(server))
  })))
  const ada = await person()
  visitor.address = '127.0.0.1'
  const call = (api, email) => ada.page.evaluate(async ([url, address]) => {
    try {
      const response = await fetch(`${url}/api/lead-magnet/signup`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Accept-Language': 'fr' },
        body: JSON.stringify({ email: address, consents: ['guide-mariee-sereine-delivery-fr-1'] }),
      })
      return [response.status, await response.json()]
    } catch (error) {
      return [error.name]
    }
  }, [api, email])

  try {
    await ada.page.goto(at.listed)
    assert.deepEqual((await call(at.api, ada.email))[0], 202)
    const [status, problem] = await call(at.api, 'nobody')
    assert.equal(status, 422)
    assert.equal(problem.errors[0].pointer, '/email')
    assert.match(problem.detail, /n’est pas valable/)
    assert.ok(ada.went.every(url => !url.startsWith(at.site)))

    const before = everythingKept()
    await ada.page.goto(at.unlisted)
    assert.deepEqual(await call(at.api, 'eve@example.org'), ['TypeError'])
    assert.deepEqual(everythingKept(), before)
  } finally {
    for (const server of pages) server.close()
  }
  await ada.context.close()
})

test('without its API the site says so, with a 503, and tries again when asked', async () => {
  const ada = await person()
  const { page } = ada
  const response = await page.goto(at.siteAlone)
  assert.equal(response.status(), 503)
  await heading(page, 'Le guide revient dans un instant')
  await look(page, 'landing-alone')
  await page.getByRole('button', { name: 'Réessayer' }).click()
  await page.getByText('Le service ne répond pas').waitFor()
  await page.goto(`${at.siteAlone}/lead-magnet/confirm?lang=fr&token=${'A'.repeat(43)}`)
  await page.getByText('Le service ne répond pas').waitFor()
  await look(page, 'confirm-unreachable')
  await ada.leave()
})

export function testWhatTheSiteWrote() {
  test('the site’s server has written no token and no address of a person', () => {
    assert.match(output.site, /Listening on/)
    for (const secret of [/[\w-]{43}/, /@example\.org/, /token=/]) assert.doesNotMatch(output.site, secret)
  })
}
