// The browser calls its own site, so there is no CORS; this hands the call to the API.
export default defineEventHandler((event) => {
  const target = new URL(event.path, useRuntimeConfig(event).apiOrigin)
  // `/api/lead-magnet/../../metrics` matches this route, too.
  if (!target.pathname.startsWith('/api/lead-magnet/')) throw createError({ status: 404 })

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
    streamRequest: true,
  })
})
