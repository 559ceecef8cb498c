import spelling from '@zootools/email-spell-checker'

const PROVIDERS: [name: string, url: string, domains: string[]][] = [
  ['Gmail', 'https://mail.google.com/', ['gmail.com', 'googlemail.com']],
  ['Outlook', 'https://outlook.live.com/mail/', [
    'outlook.com', 'outlook.fr', 'hotmail.com', 'hotmail.fr', 'live.com', 'live.fr', 'msn.com',
  ]],
  ['Orange', 'https://messagerie.orange.fr/', ['orange.fr', 'wanadoo.fr']],
  ['Free', 'https://webmail.free.fr/', ['free.fr']],
  ['SFR', 'https://webmail.sfr.fr/', ['sfr.fr', 'neuf.fr', 'cegetel.net', 'club-internet.fr', 'numericable.fr']],
  ['Yahoo', 'https://mail.yahoo.com/', ['yahoo.com', 'yahoo.fr', 'ymail.com']],
  ['La Poste', 'https://www.laposte.net/accueil', ['laposte.net']],
]
const DOMAINS = [
  ...PROVIDERS.flatMap(([, , domains]) => domains),
  'aol.com', 'bbox.fr', 'gmx.com', 'gmx.de', 'gmx.fr', 'icloud.com', 'mac.com', 'mail.com', 'me.com', 'proton.me', 'protonmail.com',
]

const domainOf = (email: string) => email.trim().toLowerCase().split('@').pop()!

/** Where the mails of this address are read, if its domain tells. */
export function mailboxOf(email: string) {
  const found = PROVIDERS.find(([, , domains]) => domains.includes(domainOf(email)))
  return found && { name: found[0], url: found[1] }
}

/** The address that was probably meant: gmail.com for gmial.com. Only the domains of large providers are
    offered, so that a rare one of somebody's own is left in peace. */
export function meantBy(email: string) {
  const meant = spelling.run({ email: email.trim(), domains: DOMAINS })
  return meant && DOMAINS.includes(meant.domain) && meant.domain !== domainOf(email) ? meant.full : undefined
}
