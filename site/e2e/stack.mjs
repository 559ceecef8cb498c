// What the tests run against: `make run`'s stack in a folder of its own, the built site in front of
// it, and the visitor's line to the site.

import { spawn, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, readFileSync } from 'node:fs'
import { createServer as createTcpServer, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { client, issueAt } from './issuer.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
// The built app: the site, or the one of `make check-layer`.
const app = process.env.E2E_APP || fileURLToPath(new URL('..', import.meta.url))

export const artefacts = process.env.E2E_ARTEFACTS || `${root}.dev/e2e`
export const guide = readFileSync(`${root}src/leadmagnet/dev/guide.pdf`)

/** Where everything is; filled by `start`. The site alone is one whose API does not answer. */
export const at = {}
/** The address the visitor comes from: each test has its own, so that none uses up another's limits. */
export const visitor = { address: '127.0.0.1' }
/** All that the site's server wrote. */
export const output = { site: '' }

const settings = {}
const running = []

export async function start() {
  const [api, mailbox, nuxt, alone, line, listed, unlisted, issuer, tool] = await freePorts(9)
  const url = port => `http://127.0.0.1:${port}`
  Object.assign(at, {
    api: url(api), mailbox: url(mailbox), site: url(line), siteAlone: url(alone), listed: url(listed), tool: url(tool), unlisted: url(unlisted), issuer: url(issuer),
  })
  await issueAt(issuer, at.site)

  const folder = `${artefacts}/stack`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  launch('the stack', `${root}.venv/bin/leadmagnet`, ['dev'], {
    cwd: folder,
    env: {
      ...process.env,
      PORT: String(api),
      MAILBOX_PORT: String(mailbox),
      SITE_URL: at.site,
      // As in production: the providers' one click comes through the site as well.
      API_URL: at.site,
      CORS_ORIGINS: at.listed,
      TRUSTED_PROXIES: '1',
      WEBHOOK_ALLOW_HOSTS: new URL(at.tool).host,
      OIDC_ISSUER: at.issuer,
      OIDC_AUDIENCE: client.id,
      OIDC_ROLES: 'studio-owner:owner',
      MAKELEVEL: '1', // ends with us, however we end
    },
  })
  launchSite(nuxt, at.api)
  launchSite(alone, at.unlisted)
  await lineTo(nuxt, line)
  await answers(`${at.api}/readyz`)
  await answers(`${at.mailbox}/healthz`)
  await answers(`${at.site}/`)

  const written = readFileSync(`${folder}/.dev/env`, 'utf8')
  Object.assign(settings, Object.fromEntries([...written.matchAll(/^(\w+)='?(.*?)'?$/gm)].map(([, name, value]) => [name, value])))
  at.owner = settings.MIGRATION_DATABASE_URL
  at.files = settings.AWS_ENDPOINT_URL_S3
}

export async function stop() {
  await Promise.all(running.reverse().map(async (each) => {
    if (each.ended) return
    each.child.kill('SIGTERM')
    await Promise.race([each.end, pause(15_000)])
    if (!each.ended) each.child.kill('SIGKILL')
  }))
}

function launchSite(port, api) {
  launch('the site', process.execPath, [
    '--import', 'data:text/javascript,process.on("disconnect",()=>process.exit())',
    `${app}/.output/server/index.mjs`,
  ], {
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(port),
      NODE_ENV: 'production',
      NUXT_LEAD_MAGNET_API_ORIGIN: api,
      NUXT_SESSION_PASSWORD: randomBytes(32).toString('hex'),
      NUXT_OAUTH_OIDC_OPENID_CONFIG: `${at.issuer}/.well-known/openid-configuration`,
      NUXT_OAUTH_OIDC_CLIENT_ID: client.id,
      NUXT_OAUTH_OIDC_CLIENT_SECRET: client.secret,
    },
    onOutput: text => output.site += text,
  })
}

function launch(name, command, args, { onOutput, ...options }) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], ...options })
  const each = { name, child, ended: false, said: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      each.said = (each.said + text).slice(-4000)
      onOutput?.(text)
    })
  }
  each.end = new Promise(resolve => child.once('exit', () => resolve(each.ended = true)))
  running.push(each)
}

async function answers(url) {
  for (const deadline = Date.now() + 240_000; ;) {
    const response = await fetch(url).catch(() => null)
    if (response?.ok) return
    const dead = running.find(each => each.ended)
    if (dead || Date.now() > deadline) {
      const { name, said } = dead ?? running.at(-1)
      throw new Error(`${url} does not answer; the last words of ${name}:\n${said}`)
    }
    await pause(100)
  }
}

// Everything comes from loopback here. So that the visitor's address is not the site's own, her
// connections are passed on, byte by byte, from another address of this machine.
function lineTo(nuxt, port) {
  const server = createTcpServer((here) => {
    const there = connect({ port: nuxt, host: '127.0.0.1', localAddress: visitor.address })
    here.pipe(there).pipe(here)
    here.on('error', () => there.destroy())
    there.on('error', () => here.destroy())
  })
  server.unref()
  return new Promise(resolve => server.listen(port, '127.0.0.1', resolve))
}

async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = createTcpServer().listen(0, '127.0.0.1', () => resolve(server))
  })))
  const ports = servers.map(server => server.address().port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

// The mailbox and the database

export async function mails(to) {
  return (await fetch(`${at.mailbox}/api/messages?to=${encodeURIComponent(to)}`)).json()
}

/** The newest mail to the address, as soon as there are that many. */
export async function mail(to, { count = 1 } = {}) {
  for (const deadline = Date.now() + 60_000; ;) {
    const found = await mails(to)
    if (found.length >= count) return found[0]
    if (Date.now() > deadline) throw new Error(`no mail number ${count} within a minute`)
    await pause(100)
  }
}

/** What `leadmagnet …` prints, on the stack. */
export function leadmagnet(...words) {
  return execFileSync(`${root}.venv/bin/leadmagnet`, words, {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...settings },
  })
}

/** Rows of texts, as the tables' owner: a visitor cannot wait two days for a link to expire. */
export function sql(query, ...values) {
  const whole = query.replace(/%s/g, () => `'${String(values.shift()).replaceAll("'", "''")}'`)
  const said = execFileSync('psql', ['-XqAt', '-F', '\x1f', '-R', '\x1e', '-v', 'ON_ERROR_STOP=1', '-c', whole, at.owner], { encoding: 'utf8' })
  return said ? said.replace(/\n$/, '').split('\x1e').map(row => row.split('\x1f')) : []
}

/** A checksum of each table: equal only if nothing changed. Not of the seals, which the worker puts
 *  on the ledger's events when their time has come, whatever anybody opens meanwhile. */
export function everythingKept() {
  const tables = sql(`SELECT tablename FROM pg_tables WHERE tablename LIKE 'lm\\_%'
    AND tablename NOT IN ('lm_consent_seals', 'lm_worker_heartbeat') ORDER BY 1`)
  return sql(tables.map(([name]) => `SELECT '${name}', count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ${name} t`).join(' UNION ALL '))
}
