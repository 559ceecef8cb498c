import type { components } from '#open-fetch-schemas/lead-magnet-api'

type Me = components['schemas']['Me']

declare module '#auth-utils' {
  /** What `GET /me` says, which the pages may know. */
  interface User extends Me {
    name: string
  }

  /** Why the issuer's sign-in gave no session. */
  interface UserSession {
    problem?: { code: string, detail: string }
  }

  /** What the server alone knows: the key, or the issuer's token. */
  interface SecureSessionData {
    token: string
  }
}

export {}
