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
  assert.equal(shown(page), '/lead-magnet/confirm')
  await clickForFile(page, 'Confirm and get the guide')
  await ada.leave()
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
