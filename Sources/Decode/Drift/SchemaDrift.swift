/// Something that records have and their source's schema does not: a field that a mapped message
/// does not declare, or a number of a mapped enum that has no name. docs/DECODING.md, "Drift".
///
/// Drift is sight, not exactness: it counts what this process has read.
package struct SchemaDrift: Sendable, Equatable {
  /// What tells one drift from another within a source.
  package struct Key: Hashable, Sendable {
    /// Full name of the message type it was found in.
    package var messageName: String
    package var fieldNumber: UInt32
    /// The number that the field's enum does not name; nil where the field itself is unknown.
    package var enumNumber: Int32?

    package init(messageName: String, fieldNumber: UInt32, enumNumber: Int32? = nil) {
      self.messageName = messageName
      self.fieldNumber = fieldNumber
      self.enumNumber = enumNumber
    }
  }

  /// The first one that was met.
  package struct Sample: Sendable, Equatable {
    /// Most bytes of a value that are kept.
    package static let byteCountMax = 64

    /// `RecordHeader.partitionIndex` of its record.
    package var partitionIndex: Int32
    package var offset: Int64
    /// As on the wire: 0 varint, 1 eight bytes, 2 length-delimited, 3 group, 5 four bytes.
    package var wireType: UInt8
    /// Of the whole value, in bytes.
    package var byteCount: Int
    /// The value's first bytes, without tag and length; a group's with its end.
    package var bytes: [UInt8]

    package init(
      partitionIndex: Int32, offset: Int64, wireType: UInt8, byteCount: Int, bytes: [UInt8]
    ) {
      self.partitionIndex = partitionIndex
      self.offset = offset
      self.wireType = wireType
      self.byteCount = byteCount
      self.bytes = bytes
    }
  }

  package var key: Key
  /// The name that the schema has for the field: of an enum's number, and of a field that is
  /// declared with another wire type. nil where the number is not declared.
  package var fieldName: String?
  package var count: Int64
  package var sample: Sample

  package init(key: Key, fieldName: String? = nil, count: Int64, sample: Sample) {
    self.key = key
    self.fieldName = fieldName
    self.count = count
    self.sample = sample
  }
}

/// The drift that a decoder has met since it was last asked.
package struct DriftReport: Sendable, Equatable {
  /// Each once, in the order in which they were first met.
  package var found: [SchemaDrift] = []
  /// Unknown fields, and unknown numbers of enums, that found no room among those.
  package var otherFieldCount: Int64 = 0
  package var otherEnumNumberCount: Int64 = 0

  package init() {}

  package var isEmpty: Bool { found.isEmpty && otherFieldCount == 0 && otherEnumNumberCount == 0 }
}
