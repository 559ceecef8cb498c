// The browser's calls to the admin API, with the token of the session: the browser never has it.
export default defineEventHandler(async (event) => {
  const refusal = refusedAdmin(event)
  if (refusal) return refusal
  const token = await adminToken(event)
  if (!token) return refuse(event, 401, 'unauthorized', 'Connectez-vous d’abord.')
  return passToApi(event, '/api/admin/lead-magnet/', { authorization: `Bearer ${token}` })
})
