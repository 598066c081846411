/// One Kafka record that a mapping is inferred from.
package struct SampleRecord: Sendable {
  /// One of its Kafka headers.
  package struct Header: Equatable, Sendable {
    package var name: String
    package var value: [UInt8]?

    package init(name: String, value: [UInt8]?) {
      self.name = name
      self.value = value
    }
  }

  package var partition: Int32
  package var offset: Int64
  /// Microseconds since 1970; nil where Kafka carries none.
  package var timestampMicros: Int64?
  package var key: [UInt8]?
  /// Nil for a tombstone.
  package var value: [UInt8]?
  package var headers: [Header]

  package init(
    partition: Int32, offset: Int64, timestampMicros: Int64?, key: [UInt8]?, value: [UInt8]?,
    headers: [Header] = []
  ) {
    self.partition = partition
    self.offset = offset
    self.timestampMicros = timestampMicros
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// Bounds on what inference keeps, whatever the records hold.
enum InferenceBounds {
  /// Places of the message type that are looked at: messages inside messages.
  static let nodeCountMax = 1000
  /// Fields of all of them.
  static let fieldCountMax = 10_000
  /// Messages within each other.
  static let depthMax = 12
  /// Different values of one field, and devices or keys told apart.
  static let distinctCountMax = 5000
  /// Entries of all sets and tables together: about 200 MB if every one of them were used.
  static let entryCountMax = 3_000_000
  /// Values of one field that are kept as they are, and how long each may be.
  static let textCountMax = 64
  static let textByteCountMax = 200
  /// Unknown fields that are told apart.
  static let unknownCountMax = 64
  /// Message types that are tried on all records, after a look at a few of them.
  static let finalistCountMax = 12
  static let firstLookRecordCount = 40
  /// A longer value is not used to tell message types apart.
  static let firstLookByteCount = 64 << 10
}
