/** Documents that mean harm, or that two readers could read differently. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeXml } from './charset.ts'
import { MESSAGE_BOUNDS, namespaceOf, parseXml, textOf, XmlFault } from './xml.ts'
import { escapeAttribute, escapeText, isXmlText } from './xml-text.ts'

function faultOf(text: string): string {
  try {
    parseXml(text, MESSAGE_BOUNDS)
  } catch (error) {
    if (error instanceof XmlFault) return error.message
    throw error
  }
  return 'nothing'
}

test('document types, entities and processing instructions are refused', () => {
  const bomb = `<!DOCTYPE a [${Array.from({ length: 30 }, (_, i) => `<!ENTITY e${i} "${`&e${i - 1};`.repeat(10)}">`).join('')}]><a>&e29;</a>`
  for (const text of [
    bomb,
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://h/x.dtd">%x;]><a/>',
  ]) {
    assert.match(faultOf(text), /DOCTYPE/)
  }
  assert.match(faultOf('<a>&b;</a>'), /undefined entity/)
  assert.match(faultOf('<a>&#0;</a>'), /malformed character entity/)
  assert.match(faultOf('<a><?b c?></a>'), /processing instruction/)
  assert.match(faultOf('<?xml-stylesheet href="x"?><a/>'), /processing instruction/)
  assert.match(faultOf('<?xml version="1.1"?><a/>'), /XML 1\.0/)
})

test('what is not well-formed is refused, and nothing of it is told', () => {
  for (const text of [
    '',
    'x',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a b="1" b="2"/>',
    '<a xmlns:x="u" xmlns:y="u" x:b="1" y:b="2"/>',
    '<p:a/>',
    '<a p:b="1"/>',
    '<a b=1/>',
    '<a b="<"/>',
    '<a>\u0001</a>',
    '<a>]]></a>',
    '<a xmlns:xml="urn:x"/>',
    '<a xmlns:xmlns="urn:x"/>',
    '<a xmlns:p=""/>',
    '<a><!-- -- --></a>',
    '<a:b:c xmlns:a="u"/>',
    '\ufeff\ufeff<a/>',
  ]) {
    assert.notEqual(faultOf(text), 'nothing', text)
  }
  assert.doesNotMatch(faultOf('<secret></other>'), /secret/)
})

test('depth, elements and attributes are bounded', () => {
  assert.equal(faultOf('<a>'.repeat(100) + '</a>'.repeat(100)), 'nothing')
  assert.match(faultOf('<a>'.repeat(101) + '</a>'.repeat(101)), /deeper than 100/)
  assert.match(faultOf(`<a>${'<b/>'.repeat(200_000)}</a>`), /more than 200000/)
  const attributes = (count: number): string => Array.from({ length: count }, (_, i) => ` a${i}=""`).join('')
  assert.equal(faultOf(`<a${attributes(100)}/>`), 'nothing')
  assert.match(faultOf(`<a${attributes(101)}/>`), /more than 100 attributes/)
  const namespaces = Array.from({ length: 101 }, (_, i) => ` xmlns:a${i}="u"`).join('')
  assert.match(faultOf(`<a${namespaces}/>`), /more than 100 attributes/)
})

test('a tree has names in namespaces, text as one, and the prefixes of its places', () => {
  const root = parseXml(
    '<?xml version="1.0" encoding="UTF-8"?><a xmlns="u"><!-- c -->x<![CDATA[<y>]]>&amp;<b xmlns="" xmlns:p="v" p:c="1"/></a>',
    MESSAGE_BOUNDS,
  )
  assert.deepEqual([root.ns, root.local, textOf(root)], ['u', 'a', 'x<y>&'])
  const inner = root.children[1]
  assert.ok(typeof inner === 'object')
  assert.deepEqual([inner.ns, inner.attributes.get('c v')?.value], ['', '1'])
  assert.deepEqual(
    ['', 'p', 'q', 'xml'].map((prefix) => namespaceOf(inner.scope, prefix)),
    ['', 'v', undefined, 'http://www.w3.org/XML/1998/namespace'],
  )
})

test('what is written is read as it was meant', () => {
  const odd = 'a\r\n\tb <c> & "d" \'e\' ]]> \u{1f600} \ud7ff\ufffd'
  const root = parseXml(`<a b="${escapeAttribute(odd)}">${escapeText(odd)}</a>`, MESSAGE_BOUNDS)
  assert.equal(textOf(root), odd)
  assert.equal(root.attributes.get('b')?.value, odd)
  for (const text of ['\u0000', '\u000b', '\u001f', '\ufffe', '\uffff', '\ud800', '\udc00x']) assert.equal(isXmlText(text), false)
  assert.equal(isXmlText('\t\n\r\u0020\u007f\u{10ffff}'), true)
})

test('bytes are read in the charset that the mark, the media type and the declaration agree on', () => {
  const text = '<a>é</a>'
  const utf16 = Buffer.from(text, 'utf16le')
  const swapped = Buffer.from(utf16).swap16()
  const decl = (name: string, rest = text): Buffer => Buffer.from(`<?xml version="1.0" encoding="${name}"?>${rest}`)
  assert.equal(decodeXml(Buffer.from(text), ''), text)
  assert.equal(decodeXml(Buffer.from(text), 'UTF-8'), text)
  assert.equal(decodeXml(Buffer.from(`\ufeff${text}`), 'utf-8'), text)
  assert.equal(decodeXml(Buffer.from(text, 'latin1'), 'ISO-8859-1'), text)
  assert.equal(decodeXml(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]), ''), text)
  assert.equal(decodeXml(Buffer.concat([Buffer.from([0xfe, 0xff]), swapped]), 'utf-16'), text)
  assert.equal(decodeXml(swapped, 'utf-16'), text)
  assert.equal(decodeXml(utf16, 'utf-16le'), text)
  // Latin-1 is no windows-1252.
  assert.equal(decodeXml(Buffer.from([0x80]), 'latin1'), '\u0080')
  assert.equal(
    decodeXml(Buffer.from(`<?xml version="1.0" encoding="latin1"?>${text}`, 'latin1'), ''),
    `<?xml version="1.0" encoding="latin1"?>${text}`,
  )
  // Plain ASCII is the same in all of them.
  assert.notEqual(decodeXml(decl('ISO-8859-1', '<a/>'), 'utf-8'), undefined)
  assert.equal(decodeXml(decl('ISO-8859-1'), 'utf-8'), undefined)
  assert.equal(decodeXml(decl('windows-1252'), ''), undefined)
  assert.equal(decodeXml(Buffer.from(text), 'koi8-r'), undefined)
  assert.equal(decodeXml(Buffer.from(text), 'us-ascii'), undefined)
  assert.equal(decodeXml(Buffer.from([0x3c, 0xff]), ''), undefined)
  assert.equal(decodeXml(Buffer.from(`\ufeff${text}`), 'iso-8859-1'), undefined)
})
