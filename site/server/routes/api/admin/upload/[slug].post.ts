// A file on its way from the browser to the bucket, piece by piece: nothing is kept here, and the
// bucket need not know the site by CORS.
const MOST = 50 * 2 ** 20

export default defineEventHandler(async (event) => {
  const refusal = refusedAdmin(event)
  if (refusal) return refusal
  const token = await adminToken(event)
  if (!token) return refuse(event, 401, 'unauthorized', 'Connectez-vous d’abord.')
  const size = Number(getRequestHeader(event, 'content-length'))
  if (!size) return refuse(event, 422, 'file_no_pdf', 'Le fichier est vide. Choisissez-en un autre.')
  if (size > MOST) return refuse(event, 413, 'file_too_large', 'Ce fichier dépasse 50 Mo. Réduisez ses images et renvoyez-le.')

  const slug = encodeURIComponent(getRouterParam(event, 'slug')!)
  const target = new URL(`/api/admin/lead-magnet/magnets/${slug}/files`, useRuntimeConfig(event).leadMagnet.apiOrigin)
  const begun = await fetch(target, {
    method: 'POST',
    body: '{}',
    headers: { ...cameFrom(event), 'authorization': `Bearer ${token}`, 'accept-language': 'fr', 'content-type': 'application/json' },
    signal: AbortSignal.timeout(15_000),
  }).catch(() => null)
  if (!begun) return refuse(event, 503, 'service_unavailable', 'Le service ne répond pas. Réessayez dans un instant.')
  if (!begun.ok) {
    setResponseStatus(event, begun.status)
    setResponseHeader(event, 'content-type', 'application/problem+json')
    return begun.text()
  }

  const { url, fields, fileId } = await begun.json() as { url: string, fields: Record<string, string>, fileId: string }
  const form = multipart(fields, getRequestWebStream(event)!, size)
  // With a stream, `fetch` would send no length, which S3 wants.
  const stored = await fetch(url, {
    method: 'POST', body: form.stream, headers: { 'content-type': form.type, 'content-length': String(form.length) }, duplex: 'half',
  } as RequestInit).catch(() => null)
  if (stored?.ok) return { fileId }
  return refuse(event, 503, 'storage_unavailable', 'Le fichier n’a pas pu être enregistré. Réessayez dans un instant.')
})

/** A form with the file as its last part, and its length in bytes. */
function multipart(fields: Record<string, string>, file: ReadableStream<Uint8Array>, size: number) {
  const boundary = crypto.randomUUID()
  const part = (name: string) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`
  const head = new TextEncoder().encode(
    Object.entries(fields).map(([name, value]) => `${part(name)}\r\n\r\n${value}\r\n`).join('')
    + `${part('file')}; filename="file.pdf"\r\nContent-Type: application/pdf\r\n\r\n`,
  )
  const tail = new TextEncoder().encode(`\r\n--${boundary}--\r\n`)
  const stream = file.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    start: controller => controller.enqueue(head),
    flush: controller => controller.enqueue(tail),
  }))
  return { stream, type: `multipart/form-data; boundary=${boundary}`, length: head.length + size + tail.length }
}
