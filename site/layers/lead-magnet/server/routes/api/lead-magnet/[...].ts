// The browser calls its own site, so there is no CORS; this hands the call to the API.
export default defineEventHandler((event) => {
  const target = new URL(event.path, useRuntimeConfig(event).leadMagnet.apiOrigin)
  // `/api/lead-magnet/../../metrics` matches this route, too.
  if (!target.pathname.startsWith('/api/lead-magnet/')) throw createError({ status: 404 })

  // The body is read as a whole before the API is called, so that a slow one holds none of the API's
  // threads. The largest body, 256 kB, is Amazon SNS's; none comes without its length.
  const refusal = getRequestHeader(event, 'transfer-encoding')
    ? { status: 411, title: 'Length Required', code: 'length_required', detail: 'La requête doit annoncer sa taille (Content-Length).' }
    : Number(getRequestHeader(event, 'content-length') ?? 0) > 300 * 1024
      ? { status: 413, title: 'Content Too Large', code: 'body_too_large', detail: 'La requête est trop grande. Envoyez moins de données.' }
      : null
  if (refusal) {
    setResponseStatus(event, refusal.status)
    setResponseHeaders(event, { 'content-type': 'application/problem+json', 'connection': 'close' })
    return { type: 'about:blank', ...refusal }
  }

  // What came is kept and the address of the connection is appended: the API counts its trusted
  // proxies from the right, so that whatever a browser writes there itself is never believed.
  // (A call of the server's own, while it renders, has no connection.)
  const address = event.node.req.socket.remoteAddress
  const before = getRequestHeader(event, 'x-forwarded-for')
  delete event.node.req.headers.cookie // the site's, none of the API's business
  return proxyRequest(event, target.href, {
    headers: {
      'x-forwarded-for': address ? [before, address].filter(Boolean).join(', ') : '',
      'x-request-id': crypto.randomUUID().replaceAll('-', ''),
    },
  })
})
