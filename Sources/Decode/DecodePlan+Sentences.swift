// Sentences for dead letters: built only when a record or row is bad.

extension CompiledMapping {
  /// What a walk found, with the field's name and file position.
  func describe(_ fault: WireFault) -> String {
    let place = wire.describe(node: fault.node, fieldNumber: fault.fieldNumber)
    return "\(place) at byte \(fault.filePosition): \(sentence(for: fault.reason))"
  }

  func sentence(for reason: DeadReason) -> String {
    switch reason {
    case .truncated: "the message ends inside this field"
    case .malformed: "not Protobuf"
    case .wrongType: "the field has another wire type than its declaration"
    case .tooLarge: "the rows need more memory, or the message more steps, than it is given"
    case .tooDeep: "nested deeper than the source's limit"
    case .invalidUTF8: "the string is not UTF-8"
    case .nulInString: "the string holds a NUL"
    case .stringTooLong: "the string is too long"
    case .noTime: "\(mapping.time.field) is absent or 0"
    case .noMetricName: "the metric has no name"
    case .unpackRefused: "the message stands twice, and libprotobuf-c cannot merge the two"
    case .nullPayload, .tooManyRows, .tooManyDevices, .tooManyMetrics, .tooManyAttributes,
      .missingRequired, .noDevice, .badTime, .notEnveloped, .badEnvelope, .unknownSchema,
      .otherType:
      reason.rawValue
    }
  }
}

extension MessageType {
  /// Whether libprotobuf-c 1.4.1 may get two occurrences of a singular field of this type wrong,
  /// which the format wants merged. Its `merge_messages` fails if a oneof is set in neither, and
  /// drops what the first has in a scalar without presence, and keeps it where the second has empty
  /// bytes; its `parse_oneof_member` replaces a message in a oneof where it should merge.
  var mergesWrongly: Bool { pool.mergesWrongly(message: index) }
}
