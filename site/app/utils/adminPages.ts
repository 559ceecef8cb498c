/** The menu of /admin. A page is a file in pages/admin/; it gets its line here, with what it needs. */
export const adminPages = [
  { label: 'Tableau de bord', to: '/admin', icon: 'i-lucide-chart-no-axes-column', needs: 'stats:read' },
  { label: 'Contacts', to: '/admin/contacts', icon: 'i-lucide-users', needs: 'subscribers:read' },
  { label: 'Guides', to: '/admin/guides', icon: 'i-lucide-book-open', needs: 'magnets:read' },
  { label: 'E‑mails', to: '/admin/emails', icon: 'i-lucide-mail', needs: 'mails:read' },
  { label: 'Outils reliés', to: '/admin/webhooks', icon: 'i-lucide-plug', needs: 'webhooks:read' },
  { label: 'Journal', to: '/admin/journal', icon: 'i-lucide-scroll-text', needs: 'audit:read' },
]
