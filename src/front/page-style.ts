/** The style of the gateway's own page; colours are the system's, so that dark and light are what the user chose. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d8dc, #3c4147); --quiet: light-dark(#59626b, #a3abb3) }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem }
table { width: 100%; border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .6rem .8rem .6rem 0; border-bottom: 1px solid var(--line) }
thead th { font-weight: normal; color: var(--quiet) }
td:last-child { text-align: right; padding-right: 0; white-space: nowrap }
.state { font-weight: 600 }
[data-state=ready] .state { color: light-dark(#176f2c, #6fcf85) }
[data-state=failed] .state { color: light-dark(#b3261e, #ff8a80) }
.reason { display: block; color: var(--quiet); overflow-wrap: anywhere; white-space: pre-wrap }
button { font: inherit; padding: .25rem .9rem; cursor: pointer }
button:disabled { cursor: default }
#note { min-height: 1.5em; color: light-dark(#b3261e, #ff8a80) }
`
