/** The three calls of a person about her own data. */
export function usePrivacy() {
  const call = <Answer>(path: string, body: object) =>
    $fetch<Answer>(`/api/lead-magnet/privacy/${path}`, {
      method: 'POST',
      body,
      headers: { 'Accept-Language': 'fr' },
    })
  return {
    request: (email: string) => call<{ status: 'accepted', message: string }>('request', { email }),
    export: (token: string) => call<Record<string, unknown>>('export', { token }),
    erase: (token: string, object: boolean) => call<{ status: 'erased' }>('erase', { token, object }),
  }
}
