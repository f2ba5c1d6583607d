import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const FOLDERS = ['.', 'docs', 'examples', 'docker']
const pages = FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

for (const page of pages) {
  t.test(`every link of ${page} leads somewhere`, async (t) => {
    for (const link of linksOf(readFileSync(page, 'utf8'))) {
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(file), link)
      if (anchor !== undefined && existsSync(file)) {
        t.ok(anchorsOf(readFileSync(file, 'utf8')).includes(anchor), link)
      }
    }
  })
}

t.test('README.md is no longer than 250 lines', async (t) => {
  t.ok(readFileSync('README.md', 'utf8').trimEnd().split('\n').length <= 250)
})

/** The targets of links within the repository; code is left out. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '')
  return links.filter((link) => !/^\w+:/.test(link))
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  )
}
