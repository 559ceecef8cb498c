// The same site in English, and what it says about privacy.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { click, clickForFile, heading, helped, links, signUp } from './funnel.mjs'
import { at, mail, sql } from './stack.mjs'

test('the English landing page leads to English mails and pages, all the way', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/')
  await page.getByRole('link', { name: 'English' }).click()
  await heading(page, 'The Serene Bride’s Guide')
  assert.equal(shown(page), '/en')
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  assert.deepEqual(
    await page.locator('link[rel=alternate]').evaluateAll(all => all.map(each => [each.hreflang, each.href])),
    [['fr', `${at.site}/`], ['en', `${at.site}/en`]],
  )
  await look(page, 'landing-en')
  await page.getByLabel('Your e-mail address').fill(ada.email)
  await page.getByLabel('I agree that Light & Shutter sends me').check()
  await click(page, 'Get the guide')
  await page.getByRole('heading', { name: 'Check your inbox' }).waitFor()
  await look(page, 'landing-answer-en')
  assert.equal((await mail(ada.email)).subject, 'Confirm your address and get your guide')
  await page.goto((await links(ada.email)).confirm)
  await clickForFile(page, 'Confirm and get the guide')
  await page.getByRole('link', { name: 'My data' }).click()
  await heading(page, 'Your data')
  await page.reload()
  await heading(page, 'Your data')
  await page.getByRole('link', { name: 'The guide' }).click()
  await heading(page, 'The Serene Bride’s Guide')
  await page.goto('/en/nowhere')
  await heading(page, 'This page does not exist')
  await look(page, 'nowhere-en')
  await ada.leave()
})

test('a page that a mail leads to changes its language where it stands', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await heading(page, 'Votre guide vous attend')
  await click(page, 'English')
  await heading(page, 'Your guide is waiting')
  assert.equal(shown(page), '/lead-magnet/confirm?lang=en')
  await page.reload()
  await heading(page, 'Your guide is waiting')
  await clickForFile(page, 'Confirm and get the guide')
  await ada.leave()
})

test('a link that has died speaks the mail’s language, in any browser, also after an erasure', async () => {
  const ada = await person({ locale: 'fr-FR' })
  const { page } = ada
  await page.goto('/en')
  await page.getByLabel('Your e-mail address').fill(ada.email)
  await page.getByLabel('I agree that Light & Shutter sends me').check()
  await click(page, 'Get the guide')
  const { confirm } = await links(ada.email)
  await page.getByRole('link', { name: 'My data' }).click()
  await page.getByLabel('Your e-mail address').fill(ada.email)
  await click(page, 'Get the link')
  const { text } = await mail(ada.email, { count: 2 })
  await page.goto(text.match(/\S+\/lead-magnet\/mes-donnees\?\S+token=\S+/)[0])
  await click(page, 'Erase my data…')
  await click(page, 'Erase for ever')
  await heading(page, 'Everything is erased')
  await page.reload()
  await page.getByText('your data has already been erased').waitFor()
  await look(page, 'data-dead-en')
  await page.goto(confirm)
  await heading(page, 'This link is not valid')
  await ada.leave()
})

test('an address that says no language is answered in the browser’s, once and after a reload', async () => {
  const { page, leave } = await person({ locale: 'en-GB' })
  for (const [path, title] of [
    ['/lead-magnet/confirm?token=abc', 'This link is not valid'],
    ['/lead-magnet/unsubscribe?token=abc', 'This link is not valid'],
    ['/lead-magnet/mes-donnees', 'Your data'],
    ['/lead-magnet/mes-donnees?token=abc', 'This link no longer works'],
    ['/nowhere', 'This page does not exist'],
  ]) {
    await page.goto(path)
    await heading(page, title)
    await page.reload()
    await heading(page, title)
    assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  }
  // The page shows nothing of its own from which one could tell that its button is alive.
  await page.waitForFunction(() => window.useNuxtApp?.().isHydrating === false)
  await click(page, 'Français')
  await heading(page, 'Cette page n’existe pas')
  await page.reload()
  await heading(page, 'Cette page n’existe pas')
  // Who reads French goes on in French, and a language that nobody speaks here is answered in the site's.
  await page.goto('/')
  await page.getByRole('link', { name: 'Mes données' }).click()
  await heading(page, 'Vos données')
  await page.reload()
  await heading(page, 'Vos données')
  await leave()
  const other = await person({ locale: 'de-DE' })
  await other.page.goto('/lead-magnet/confirm')
  await heading(other.page, 'Ce lien n’est pas valable')
  await other.leave()
})

test('the policy that mails and the form lead to, and the cookie that nobody gets', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await clickForFile(page, 'Confirmer et recevoir le guide')
  const [policy] = (await mail(ada.email)).text.match(/\S+\/confidentialite/)
  await page.goto(policy)
  await heading(page, 'Confidentialité')
  await look(page, 'privacy')
  await page.getByRole('link', { name: 'English' }).click()
  await heading(page, 'Privacy')
  await look(page, 'privacy-en')
  await page.goto('/')
  await page.locator('form').getByRole('link', { name: 'Politique de confidentialité' }).click()
  await heading(page, 'Confidentialité')
  await page.getByRole('link', { name: 'Voir mes données' }).click()
  await heading(page, 'Vos données')
  assert.deepEqual(await ada.context.cookies(), [])
  await ada.leave()
})

test('a guide that was retired: the page says so, in both languages, and the mail’s link still works', async () => {
  const ada = await person()
  await signUp(ada)
  const { confirm } = await links(ada.email)
  const { page } = ada
  sql('UPDATE lm_magnets SET retired_at = now()')
  try {
    assert.equal((await page.goto('/')).status(), 404)
    await heading(page, 'Ce guide n’est plus proposé')
    await helped(page)
    await look(page, 'landing-retired')
    await page.getByRole('link', { name: 'English' }).click()
    await heading(page, 'This guide is no longer offered')
    await page.goto(confirm)
    await clickForFile(page, 'Confirmer et recevoir le guide')
  } finally {
    sql('UPDATE lm_magnets SET retired_at = NULL')
  }
  await ada.leave()
})
