import CProtobufC

/// libprotobuf-c by itself, as the decode benchmark measures it: unpacks into the arena, reads
/// nothing.
package struct UnpackProbe: ~Copyable {
  private let type: MessageType
  private let descriptors: CDescriptors
  private let arena: Arena

  package init(_ plan: DecodePlan) {
    type = plan.compiled.type
    descriptors = CDescriptors(type)
    arena = Arena(byteCountMax: 512 << 20)
  }

  /// Whether libprotobuf-c takes the message.
  package func unpack(_ payload: RawSpan) -> Bool {
    arena.reset()
    let descriptor = unsafe descriptors.descriptor(of: type)
    return unsafe payload.withUnsafeBytes { bytes in
      unsafe protobuf_c_message_unpack(
        descriptor, arena.allocator, bytes.count,
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)) != nil
    }
  }
}
