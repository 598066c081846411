/// What stands around the message in a record's value.
package enum Envelope: String, CaseIterable, Sendable {
  /// Nothing: the value is the message.
  case none
  /// The header of `ConfluentHeader`.
  case confluent
}

/// The header that serializers for a Schema Registry put before a Protobuf message:
///
///     00 │ schema id: 4 bytes, big-endian │ message indexes │ the message …
///
/// The indexes lead from the schema's file to the message type: the third message of the file is
/// `2`, the first one inside it `2, 0`. They are written as zigzag varints, their count first; the
/// single byte 0 stands for `0`, the file's first message (Confluent, "Wire format", Protobuf).
///
/// **Invariants:** `messageIndexes` has 1...`indexCountMax` elements, none of them negative;
/// `schemaID` is not negative. A header is a prefix code: a value that begins with the bytes of a
/// header has that header.
package struct ConfluentHeader: Equatable, Sendable {
  package let schemaID: Int32
  package let messageIndexes: [Int]
  /// Bytes before the message.
  package let byteCount: Int

  /// Messages nest no deeper than that in each other: `WireScanner` follows no further either.
  package static let indexCountMax = 64

  /// Why a value has no header that can be read.
  struct Fault: Error, Equatable {
    var reason: DeadReason
    var detail: String
  }

  /// Reads the header at the start of a value. Cost: O(its bytes).
  init(reading value: RawSpan) throws(Fault) {
    var cursor = Cursor(bytes: value)
    guard let magic = cursor.next() else {
      throw Fault(reason: .notEnveloped, detail: "the value is empty, and so has no schema id")
    }
    guard magic == 0 else {
      throw Fault(
        reason: .notEnveloped, detail: "the value begins with byte \(magic), not with 0")
    }
    var id: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = cursor.next() else { throw Self.cut(value, in: "the schema id") }
      id = id << 8 | UInt32(byte)
    }
    guard id <= UInt32(Int32.max) else {
      throw Fault(reason: .badEnvelope, detail: "the schema id \(id) is none: ids have 31 bits")
    }
    schemaID = Int32(id)
    let count = try cursor.zigzag(of: value)
    guard count != 0 else {
      messageIndexes = [0]
      byteCount = cursor.position
      return
    }
    guard (1...Int64(Self.indexCountMax)).contains(count) else {
      throw Fault(
        reason: .badEnvelope,
        detail: "the count of message indexes is \(count), not 1 to \(Self.indexCountMax)")
    }
    var indexes: [Int] = []
    for _ in 0..<count {
      let index = try cursor.zigzag(of: value)
      guard index >= 0 else {
        throw Fault(reason: .badEnvelope, detail: "the message index \(index) is negative")
      }
      indexes.append(Int(index))
    }
    messageIndexes = indexes
    byteCount = cursor.position
  }

  private static func cut(_ value: RawSpan, in part: String) -> Fault {
    Fault(
      reason: .badEnvelope, detail: "the value ends after \(value.byteCount) bytes, in \(part)")
  }

  /// Reads forward through the header.
  private struct Cursor: ~Escapable {
    private let bytes: RawSpan
    private(set) var position = 0

    @_lifetime(copy bytes)
    init(bytes: RawSpan) { self.bytes = bytes }

    mutating func next() -> UInt8? {
      guard position < bytes.byteCount else { return nil }
      defer { position += 1 }
      return unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
    }

    /// A 32-bit varint in zigzag: at most five bytes, the fifth with four bits.
    mutating func zigzag(of value: RawSpan) throws(Fault) -> Int64 {
      var word: UInt64 = 0
      for shift in stride(from: UInt64(0), through: 28, by: 7) {
        guard let byte = next() else { throw ConfluentHeader.cut(value, in: "the message indexes") }
        word |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 {
          guard word <= UInt64(UInt32.max) else { break }
          return Int64(word >> 1) ^ -Int64(word & 1)
        }
      }
      throw Fault(
        reason: .badEnvelope, detail: "a message index at byte \(position - 1) has over 32 bits")
    }
  }
}
