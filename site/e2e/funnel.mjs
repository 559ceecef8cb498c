// From the address to the file, and all the ways a link can end.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { at, guide, mail, mails, sql } from './stack.mjs'

const DELIVERY = 'J’accepte que Light & Shutter m’envoie par e-mail'
const NEWSLETTER = 'J’accepte de recevoir aussi'

export async function signUp({ page, email }, { newsletter = false } = {}) {
  await page.goto('/')
  await page.getByLabel('Votre adresse e-mail').fill(email)
  await page.getByLabel(DELIVERY).check()
  if (newsletter) await page.getByLabel(NEWSLETTER).check()
  await page.getByRole('button', { name: 'Recevoir le guide' }).click()
  await page.getByRole('heading', { name: 'Regardez votre boîte mail' }).waitFor()
}

/** The links of a mail: to the page with the button, out, and the providers' one click. */
export async function links(email, options) {
  const { text, headers } = await mail(email, options)
  return {
    confirm: text.match(/\S+\/lead-magnet\/confirm\?\S+token=\S+/)[0],
    leave: text.match(/\S+\/lead-magnet\/unsubscribe\?\S+token=\S+/)[0],
    oneClick: headers['List-Unsubscribe'].match(/<(.*)>/)[1],
  }
}

export async function click(page, name) {
  await page.getByRole('button', { name }).click()
}

export async function clickForFile(page, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), click(page, name)])
  assert.equal(download.suggestedFilename(), 'Guide de la Mariée Sereine.pdf')
  return readFileSync(await download.path())
}

export const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()

/** Whoever is refused is told whom to write to. */
export const helped = page => page.getByRole('link', { name: 'bonjour@light-and-shutter.example' }).waitFor()

export const status = email => sql('SELECT status FROM lm_subscribers WHERE email = %s', email)[0]?.[0]

test('the landing page is whole before any script has run', async () => {
  const html = await (await fetch(at.site)).text()
  for (const text of ['Guide de la Mariée Sereine', 'Douze mois de préparatifs', 'Recevoir le guide']) {
    assert.ok(html.includes(text), text)
  }
  assert.match(html, /J’accepte que Light &amp; Shutter m’envoie par e-mail le Guide/)
  assert.doesNotMatch(html, /<input[^>]* checked/)
})

test('what was typed and ticked before the page was alive is kept', async () => {
  const ada = await person()
  const { page } = ada
  // The page's scripts arrive when the form is filled in.
  let arrive
  const filled = new Promise(resolve => arrive = resolve)
  await page.route('**/_nuxt/**/*.js', async route => { await filled; await route.continue() })
  await page.goto('/', { waitUntil: 'commit' })
  await page.getByLabel('Votre adresse e-mail').fill(ada.email)
  await page.getByLabel(DELIVERY).check()
  arrive()
  await click(page, 'Recevoir le guide')
  await page.getByRole('heading', { name: 'Regardez votre boîte mail' }).waitFor()
  await ada.leave()
})

test('without JavaScript the form says that it needs it, and sends nothing', async () => {
  const ada = await person({ javaScriptEnabled: false })
  await ada.page.goto('/')
  assert.match(await ada.page.locator('form noscript').textContent(), /Ce formulaire a besoin de JavaScript/)
  assert.ok(await ada.page.getByRole('button', { name: 'Recevoir le guide' }).isDisabled())
  await ada.context.close()
})

test('the page shows the texts to the letter, nothing ticked, and no trap for people', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/')
  const { consentTexts } = await (await fetch(`${at.api}/api/lead-magnet/magnets/guide-mariee-sereine?locale=fr`)).json()
  assert.equal(consentTexts.length, 2)
  for (const { text } of consentTexts) {
    assert.equal(await page.getByLabel(text, { exact: true }).isChecked(), false)
  }
  const tree = await page.locator('main').ariaSnapshot()
  assert.ok(!tree.includes('Ne remplissez pas'), tree)
  const { width, height } = await page.locator('[inert]').boundingBox()
  assert.ok(width <= 1 && height <= 1)
  await look(page, 'landing')
  await ada.leave()
})

test('errors are the API’s sentences, next to their field, with the focus on it', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/')
  const address = page.getByLabel('Votre adresse e-mail')
  const focused = () => page.evaluate(() => document.activeElement.name || document.activeElement.id)
  const described = async field => page.locator(`#${await field.getAttribute('aria-describedby')}`).textContent()

  await click(page, 'Recevoir le guide')
  await page.getByText('Cette adresse e-mail n’est pas valable').waitFor()
  assert.equal(await focused(), 'email')
  assert.match(await described(address), /n’est pas valable/)
  assert.match(await described(page.getByLabel(DELIVERY)), /Cochez la case/)
  await look(page, 'landing-errors')

  await address.fill('chloé@example.org')
  await click(page, 'Recevoir le guide')
  await page.getByText('un accent avant le « @ »').waitFor()
  await helped(page)

  await address.fill(ada.email)
  await page.getByLabel(NEWSLETTER).check()
  await click(page, 'Recevoir le guide')
  await page.getByText('Cochez la case').waitFor()
  assert.match(await described(page.getByLabel(DELIVERY)), /Cochez la case/)
  assert.equal(await address.getAttribute('aria-invalid'), null)

  await page.route('**/signup', route => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }))
  await click(page, 'Recevoir le guide')
  await page.getByRole('alert').getByText('Le service ne répond pas').waitFor()
  await helped(page)
  await look(page, 'landing-unreachable')
  assert.equal(await address.inputValue(), ada.email)
  await ada.leave()
})

test('from the address to the file by the keyboard alone', async () => {
  const ada = await person()
  const { page } = ada
  const { keyboard } = page
  await page.goto('/')
  await page.waitForFunction(() => !document.querySelector('form button').disabled)
  await keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Aller au contenu')
  await keyboard.press('Tab')
  await keyboard.type(ada.email)
  await keyboard.press('Tab')
  await keyboard.press('Space')
  await keyboard.press('Enter')
  await page.getByRole('status').getByText('un e-mail est en route').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'status')

  await page.goto((await links(ada.email)).confirm)
  await heading(page, 'Votre guide vous attend')
  await page.waitForFunction(() => document.activeElement.tagName === 'H1')
  await keyboard.press('Tab')
  const [download] = await Promise.all([page.waitForEvent('download'), keyboard.press('Enter')])
  assert.deepEqual(readFileSync(await download.path()), guide)
  assert.equal(status(ada.email), 'confirmed')
  await ada.leave()
})

test('sign up, open the mail, follow its link, click: the guide, whole; and again', async () => {
  const ada = await person()
  await signUp(ada, { newsletter: true })
  await look(ada.page, 'landing-answer')
  await mail(ada.email)
  assert.equal(status(ada.email), 'pending')

  await ada.page.goto(at.mailbox)
  await ada.page.getByRole('button', { name: ada.email }).click()
  const letter = ada.page.frameLocator('#frame')
  const [page] = await Promise.all([
    ada.context.waitForEvent('page'),
    letter.getByRole('link', { name: 'Ouvrir la page du guide' }).click(),
  ])
  await heading(page, 'Votre guide vous attend')
  assert.equal(shown(page), '/lead-magnet/confirm?lang=fr')
  assert.match(await page.getByRole('main').textContent(), /a•+@e•+\.org.*vous abonne à nos conseils/)
  await look(page, 'confirm-pending')
  assert.equal(status(ada.email), 'pending')

  assert.deepEqual(await clickForFile(page, 'Confirmer et recevoir le guide'), guide)
  await heading(page, 'Bonne lecture')
  await look(page, 'confirm-done')
  assert.equal(status(ada.email), 'confirmed')
  assert.deepEqual(await clickForFile(page, 'Télécharger de nouveau'), guide)

  // The link of the mail once more, a day later.
  await page.goto((await links(ada.email)).confirm)
  await page.getByText('est déjà confirmée').waitFor()
  await look(page, 'confirm-again')
  assert.deepEqual(await clickForFile(page, 'Télécharger le guide'), guide)
  const events = sql(`SELECT type, purpose FROM lm_consent_events e JOIN lm_subscribers s ON s.id = e.subscriber_id
    WHERE email = %s AND type = 'confirm' ORDER BY purpose`, ada.email)
  assert.deepEqual(events, [['confirm', 'delivery'], ['confirm', 'newsletter']])
  await ada.leave()
})

test('after the signup: the address, its mailbox, a way back, and the mail once more', async () => {
  const ada = await person()
  const { page } = ada
  await page.clock.install()
  await page.goto('/')
  const address = page.getByLabel('Votre adresse e-mail')
  await address.fill('ada.visitor@gmial.com')
  await page.getByLabel(DELIVERY).check()
  await click(page, 'Recevoir le guide')
  await page.getByText('Vouliez‑vous dire ada.visitor@gmail.com').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Oui, corriger')
  await look(page, 'landing-meant')
  assert.deepEqual(sql('SELECT 1 FROM lm_requests WHERE email LIKE %s', '%gmial%'), [])
  await click(page, 'Oui, corriger')
  await page.getByText('ada.visitor@gmail.com').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Ouvrir Gmail' }).getAttribute('href'), 'https://mail.google.com/')
  await look(page, 'landing-answer-gmail')

  await click(page, 'Ce n’est pas la bonne adresse')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'email')
  await address.fill(ada.email)
  await click(page, 'Recevoir le guide')
  await page.getByText(ada.email).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Ouvrir' }).count(), 0)
  await mail(ada.email)
  await page.getByText(/Vous pourrez redemander .* dans 5\smin/).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Renvoyer l’e-mail' }).count(), 0)
  await page.clock.fastForward('05:01')
  sql(`UPDATE lm_subscribers SET asked_at = asked_at - interval '5 minutes' WHERE email = %s`, ada.email)
  await click(page, 'Renvoyer l’e-mail')
  await page.getByText('Demande envoyée').waitFor()
  await mail(ada.email, { count: 2 })
  await ada.leave()
})

test('an address that only looks mistyped is kept if its owner says so', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/')
  await page.getByLabel('Votre adresse e-mail').fill(ada.email.replace('example.org', 'gmail.con'))
  await page.getByLabel(DELIVERY).check()
  await click(page, 'Recevoir le guide')
  await click(page, 'Non, garder mon adresse')
  await page.getByRole('heading', { name: 'Regardez votre boîte mail' }).waitFor()
  await page.getByText('gmail.con').waitFor()
  await ada.leave()
})

test('the page speaks the language of the mail that leads to it', async () => {
  const ada = await person()
  const { page } = ada
  const signup = await fetch(`${at.api}/api/lead-magnet/signup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: ada.email, consents: ['guide-mariee-sereine-delivery-en-1'], locale: 'en' }),
  })
  assert.equal(signup.status, 202)
  const { confirm, leave } = await links(ada.email)
  await page.goto(confirm)
  await heading(page, 'Your guide is waiting')
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  await look(page, 'confirm-pending-en')
  await clickForFile(page, 'Confirm and get the guide')
  await heading(page, 'Enjoy your guide')
  await page.getByText('works until').waitFor()
  await page.getByText('We will not send you anything else').waitFor()
  await look(page, 'confirm-done-en')
  await page.goto(leave)
  await heading(page, 'Stop our e-mails')
  await look(page, 'unsubscribe-confirmed-en')
  await click(page, 'Unsubscribe from everything')
  await page.getByText('may ask you to confirm the request').waitFor()
  await look(page, 'unsubscribe-done-en')
  await ada.leave()
})

test('while the answer is on its way a second click does nothing', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  let posts = 0
  let release
  const looked = new Promise(resolve => release = resolve)
  await page.route('**/confirm', async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    posts += 1
    await looked
    await route.continue()
  })
  const button = page.getByRole('button', { name: 'Confirmer et recevoir le guide' })
  const download = page.waitForEvent('download')
  await button.click()
  await page.locator('button[aria-disabled]').waitFor()
  await look(page, 'confirm-busy')
  await button.click({ force: true })
  release()
  await download
  await heading(page, 'Bonne lecture')
  assert.equal(posts, 1)
  await ada.leave()
})

const shift = (email, interval) => sql(`UPDATE lm_download_tokens t SET expires_at = now() - interval '1 minute'
    FROM lm_subscribers s WHERE s.id = t.subscriber_id AND email = %s`, email)
  && sql(`UPDATE lm_subscribers SET asked_at = asked_at - %s::interval WHERE email = %s`, interval, email)

test('an expired link is renewed by one click, and the new one works', async () => {
  const ada = await person()
  await signUp(ada)
  const { confirm } = await links(ada.email)
  shift(ada.email, '2 days')
  const { page } = ada
  await page.goto(confirm)
  await heading(page, 'Ce lien a expiré')
  await look(page, 'confirm-expired')
  assert.equal((await mails(ada.email)).length, 1)
  await click(page, 'Recevoir un nouveau lien')
  await page.getByText('avec un nouveau lien est en route').waitFor()
  await look(page, 'confirm-renewed')
  await page.goto((await links(ada.email, { count: 2 })).confirm)
  assert.deepEqual(await clickForFile(page, 'Confirmer et recevoir le guide'), guide)
  await ada.leave()
})

test('a link that expires while the page is open says so at the click', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await heading(page, 'Votre guide vous attend')
  shift(ada.email, '2 days')
  await click(page, 'Confirmer et recevoir le guide')
  await heading(page, 'Ce lien a expiré')
  assert.equal(status(ada.email), 'pending')
  await ada.leave()
})

test('a file that cannot be had leaves the address confirmed, and the page says so', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await heading(page, 'Votre guide vous attend')
  sql('UPDATE lm_magnets SET file_missing_since = now()')
  try {
    await click(page, 'Confirmer et recevoir le guide')
    await page.getByText('Votre confirmation est enregistrée').waitFor()
  } finally {
    sql('UPDATE lm_magnets SET file_missing_since = NULL')
  }
  await page.getByText('est déjà confirmée').waitFor()
  await helped(page)
  await look(page, 'confirm-no-file')
  assert.equal(status(ada.email), 'confirmed')
  assert.deepEqual(await clickForFile(page, 'Télécharger le guide'), guide)
  await ada.leave()
})

test('a link used up is renewed like an expired one', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await heading(page, 'Votre guide vous attend')
  sql(`UPDATE lm_download_tokens t SET use_count = 100 FROM lm_subscribers s WHERE s.id = t.subscriber_id AND email = %s`, ada.email)
  await click(page, 'Confirmer et recevoir le guide')
  await heading(page, 'Ce lien a été utilisé trop de fois')
  await helped(page)
  await look(page, 'confirm-used-up')
  await ada.leave()
})

test('a link that nobody issued, or half of one, says what to do, in the browser’s language', async () => {
  const ada = await person({ locale: 'fr-CA' })
  const { page } = ada
  await page.goto(`/lead-magnet/confirm?token=${'A'.repeat(43)}`)
  await heading(page, 'Ce lien n’est pas valable')
  await page.getByText('Vérifiez qu’il a été copié en entier').waitFor()
  await helped(page)
  await look(page, 'confirm-unknown')
  await click(page, 'English')
  await heading(page, 'This link is not valid')
  await page.getByText('Check that it was copied in full').waitFor()
  await page.reload()
  await heading(page, 'This link is not valid')
  await page.goto('/lead-magnet/confirm')
  await page.getByText('Vérifiez qu’il a été copié en entier').waitFor()
  await page.getByRole('link', { name: 'Redemander le guide' }).click()
  await heading(page, 'Guide de la Mariée Sereine')
  await page.goto('/lead-magnet/unsubscribe?token=nobody')
  await heading(page, 'Ce lien n’est pas valable')
  await helped(page)
  await page.goto('/nowhere')
  await heading(page, 'Cette page n’existe pas')
  await helped(page)
  await look(page, 'nowhere')
  await ada.leave()
})
