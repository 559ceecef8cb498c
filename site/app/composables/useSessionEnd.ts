/** A key that was revoked, a token that has expired: the session is over, wherever it shows first. */
export function useSessionEnd() {
  const { loggedIn, clear } = useUserSession()
  const ended = useState('admin-session-ended', () => false)
  return async () => {
    if (!loggedIn.value) return
    ended.value = true
    await clear()
    await navigateTo('/admin/connexion')
  }
}
