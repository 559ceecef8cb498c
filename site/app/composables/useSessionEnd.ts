/** A key that was revoked, a token that has expired: the session is over, wherever it shows first. */
export function useSessionEnd() {
  const { loggedIn, user, clear } = useUserSession()
  const ended = useState('admin-session-ended', () => '')
  return async (code?: string) => {
    if (!loggedIn.value) return
    ended.value = code === 'credentials_refused' && user.value?.actor.startsWith('key:')
      ? 'Votre clé n’est plus acceptée : elle a été révoquée, ou elle a expiré. La personne qui gère le service peut vous en créer une autre.'
      : 'Votre session est terminée. Connectez-vous de nouveau.'
    await clear()
    await navigateTo('/admin/connexion')
  }
}
