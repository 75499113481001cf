/** Files that need not be given: those of Protocol Buffers itself, and Google's that say how REST and errors look. */
import { readFileSync } from 'node:fs'
import type { DescFile } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_cpp_features,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_go_features,
  file_google_protobuf_java_features,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt'

const DESCRIPTORS: ReadonlyMap<string, FileDescriptorProto> = new Map(
  [
    file_google_protobuf_any,
    file_google_protobuf_api,
    file_google_protobuf_cpp_features,
    file_google_protobuf_descriptor,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_go_features,
    file_google_protobuf_java_features,
    file_google_protobuf_source_context,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_type,
    file_google_protobuf_wrappers,
  ].map(({ proto }: DescFile) => [proto.name, proto]),
)

/** Those that lie in the folder `protos`, by the name that they are imported by. */
const TEXTS: ReadonlySet<string> = new Set([
  'google/api/annotations.proto',
  'google/api/field_behavior.proto',
  'google/api/http.proto',
  'google/api/httpbody.proto',
  'google/rpc/code.proto',
  'google/rpc/error_details.proto',
  'google/rpc/status.proto',
  'grpc/reflection/v1/reflection.proto',
])

/** A file by the name that it is imported by: its text, or its descriptor; null when there is none. */
export function builtInFile(name: string): string | FileDescriptorProto | null {
  if (TEXTS.has(name)) return readFileSync(new URL(`../protos/${name}`, import.meta.url), 'utf8')
  return DESCRIPTORS.get(name) ?? null
}
