/** What {@link EchoServer} offers, for clients that want a description: its messages are `google.protobuf.BytesValue`. */
import assert from 'node:assert/strict'
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt'

const TYPE = '.google.protobuf.BytesValue'

function method(name: string, clientStreaming = false, serverStreaming = false) {
  return { name, inputType: TYPE, outputType: TYPE, clientStreaming, serverStreaming }
}

const file = create(FileDescriptorProtoSchema, {
  name: 'test/echo.proto',
  package: 'test',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    { name: 'Echo', method: [method('Unary'), method('Download', false, true), method('Upload', true), method('Chat', true, true)] },
  ],
})

const found = createFileRegistry(file, (name) =>
  name === 'google/protobuf/wrappers.proto' ? file_google_protobuf_wrappers : undefined,
).getService('test.Echo')
assert.ok(found)
export const Echo: DescService = found
