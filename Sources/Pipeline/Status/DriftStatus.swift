package import Telemetry

extension PipelineStatus {
  /// What the records of a source have that its schema does not, as far as this process has read
  /// them. docs/DECODING.md, "Drift".
  package struct Drift: Sendable, Equatable {
    /// One kind of it, and the first one that was met.
    package struct Finding: Sendable, Equatable {
      /// Full name of the message type it was found in.
      package var messageName: String
      package var fieldNumber: UInt32
      /// nil where the schema does not have the field.
      package var fieldName: String?
      /// The number that the field's enum does not name; nil where the field itself is unknown.
      package var enumNumber: Int32?
      package var count: Int64
      package var topicPartition: TopicPartition
      package var offset: Int64
      package var firstSeenMicros: Int64
      /// As on the wire: 0 varint, 1 eight bytes, 2 length-delimited, 3 group, 5 four bytes.
      package var wireType: UInt8
      /// Of the whole value, in bytes.
      package var byteCount: Int
      /// The value's first bytes.
      package var bytes: [UInt8]

      package init(
        messageName: String, fieldNumber: UInt32, fieldName: String?, enumNumber: Int32?,
        count: Int64, topicPartition: TopicPartition, offset: Int64, firstSeenMicros: Int64,
        wireType: UInt8, byteCount: Int, bytes: [UInt8]
      ) {
        self.messageName = messageName
        self.fieldNumber = fieldNumber
        self.fieldName = fieldName
        self.enumNumber = enumNumber
        self.count = count
        self.topicPartition = topicPartition
        self.offset = offset
        self.firstSeenMicros = firstSeenMicros
        self.wireType = wireType
        self.byteCount = byteCount
        self.bytes = bytes
      }

      /// What it is, in a few words: `fleet.Report has the unknown field 6`.
      package var phrase: String {
        guard let fieldName else { return "\(messageName) has the unknown field \(fieldNumber)" }
        let field = "field \(fieldNumber) (\(fieldName))"
        if let enumNumber {
          return "\(messageName) has the unknown number \(enumNumber) in \(field)"
        }
        return "\(messageName) has \(field) with wire type \(wireType)"
      }

      /// The value's first bytes in hexadecimal.
      package var hex: String {
        bytes.map { byte in
          let digits = String(byte, radix: 16)
          return byte < 16 ? "0" + digits : digits
        }.joined()
      }
    }

    package var source: String
    /// Since the start of the process, those in `otherCount` included.
    package var unknownFieldCount: Int64 = 0
    package var unknownEnumNumberCount: Int64 = 0
    /// In the order in which they were first met; at most `DriftBook.findingCountMax`.
    package var found: [Finding] = []
    /// What found no room among them.
    package var otherCount: Int64 = 0

    package init(source: String) { self.source = source }
  }
}
