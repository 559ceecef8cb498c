import type { H3Event } from 'h3'
import type { components } from '#open-fetch-schemas/lead-magnet-api'

/** Hand a call to the API, if its path begins so. */
export function passToApi(event: H3Event, prefix: string, headers: Record<string, string> = {}) {
  const target = new URL(event.path, useRuntimeConfig(event).leadMagnet.apiOrigin)
  // `/api/lead-magnet/../../metrics` matches the route, too.
  if (!target.pathname.startsWith(prefix)) throw createError({ status: 404 })

  const accepted = getRequestHeader(event, 'accept-language') ?? ''
  const say = (fr: string, en: string) => accepted.match(/(?:^|,) *(fr|en)\b/)?.[1] === 'en' ? en : fr

  // The body is read as a whole before the API is called, so that a slow one holds none of the API's
  // threads. The largest body, 256 kB, is Amazon SNS's; none comes without its length.
  if (getRequestHeader(event, 'transfer-encoding')) {
    return refuse(event, 411, 'request_malformed', say('La requête doit annoncer sa taille (Content-Length).', 'The request must say its length (Content-Length).'))
  }
  if (Number(getRequestHeader(event, 'content-length') ?? 0) > 300 * 1024) {
    return refuse(event, 413, 'body_too_large', say('La requête est trop grande. Envoyez moins de données.', 'The request is too large. Send less data.'))
  }

  delete event.node.req.headers.cookie // the site's, none of the API's business
  return proxyRequest(event, target.href, {
    headers: {
      ...cameFrom(event),
      'x-request-id': crypto.randomUUID().replaceAll('-', ''),
      ...headers,
    },
    onResponse: sendWhole,
  })
}

/**
 * Send the answer as it came: with its length, no faster than it is read, and broken off where the
 * API broke off. (h3 drops the length, and leaves the browser waiting for an end that never comes.)
 */
async function sendWhole({ node: { res } }: H3Event, { headers, body }: Response) {
  const length = headers.get('content-length')
  if (length && !headers.has('content-encoding')) res.setHeader('content-length', length)
  if (!body || !res.socket) return // nothing to stream, or a call of the server's own: h3 does it
  res.flushHeaders()
  await body.pipeTo(new WritableStream({
    write: piece => new Promise<void>((done, broken) => res.write(piece, (error?: Error | null) => error ? broken(error) : done())),
    close: () => { res.end() },
    abort: () => { res.destroy() },
  })).catch(() => {}) // one side broke off, and with it the other
}

/**
 * Whom the call comes from. What came is kept and the address of the connection is appended: the API
 * counts its trusted proxies from the right, so that whatever a browser writes there itself is never
 * believed. (A call of the server's own, while it renders, has no connection.)
 */
export function cameFrom(event: H3Event) {
  const address = event.node.req.socket.remoteAddress
  const before = getRequestHeader(event, 'x-forwarded-for')
  return { 'x-forwarded-for': address ? [before, address].filter(Boolean).join(', ') : '' }
}

const TITLES: Record<number, string> = {
  401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 411: 'Length Required', 413: 'Content Too Large', 422: 'Unprocessable Entity', 503: 'Service Unavailable',
}

/** A problem+json of the site's own, with a code of the contract, like the API's. */
export function refuse(event: H3Event, status: number, code: components['schemas']['ProblemCode'], detail: string) {
  setResponseStatus(event, status)
  setResponseHeaders(event, { 'content-type': 'application/problem+json', 'connection': 'close' })
  return { type: 'about:blank', status, title: TITLES[status], code, detail }
}
