import CTelemetryProto

/// The message types a mapping may name: those of one descriptor set, or the built-in ones.
package struct MessageCatalogue: Sendable {
  package let pool: SchemaPool

  package init(_ pool: SchemaPool) { self.pool = pool }

  /// The types a mapping may name, in the order of the set: all but the entries of maps.
  package var types: [MessageType] { pool.messageTypes.filter { !$0.isMapEntry } }

  /// The type of this full name; nil if there is none, and for entries of maps.
  package func type(named name: String) -> MessageType? {
    guard let type = pool.messageType(named: name), !type.isMapEntry else { return nil }
    return type
  }

  /// What to say of a name that no type has: those it may have been meant for.
  package func suggestion(for name: String) -> String? {
    let names = types.map(\.name)
    if let near = Spelling.suggestion(for: name, among: names) { return near }
    // A name without its package is the likeliest slip.
    let last = name.split(separator: ".").last.map { ".\($0)" } ?? name
    if let full = names.first(where: { $0.hasSuffix(last) }) { return "did you mean \(full)?" }
    guard names.count <= 8 else { return nil }
    return "there is \(names.joined(separator: ", "))"
  }
}

extension MessageCatalogue {
  /// The types of a descriptor set: the bytes that `protoc --include_imports --descriptor_set_out`
  /// wrote. `path` names them in errors. Whatever the bytes are, there is a catalogue or one error.
  ///
  /// Cost: linear in the set; a few milliseconds a megabyte, and about ten times its bytes in
  /// memory (forty where it is nothing but empty types). Once a source and start.
  package init(descriptorSet bytes: [UInt8], path: String) throws(DescriptorSetError) {
    let files = try DescriptorSetReader.read(bytes, path: path)
    var linker = SchemaLinker(path: path)
    self.init(try linker.link(files))
  }

  /// `DeviceTelemetry` and `TelemetryBatch` of `telemetry.proto`: a descriptor set like any other,
  /// in the binary.
  package static let builtIn: MessageCatalogue = {
    let bytes = unsafe Array(
      UnsafeBufferPointer(
        start: downlink_telemetry_set(), count: downlink_telemetry_set_byte_count))
    do {
      return try MessageCatalogue(descriptorSet: bytes, path: "the built-in schema")
    } catch {
      preconditionFailure("the built-in schema cannot be read: \(error)")
    }
  }()
}
