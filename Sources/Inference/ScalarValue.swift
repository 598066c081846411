import Decode

/// What values of a field are to a mapping.
enum ValueKind: Equatable {
  case text, bytes, name, truth, integer, floating, timestamp, duration

  /// nil for messages, groups, and maps.
  init?(_ field: MessageField) {
    switch field.messageType?.wellKnown {
    case .timestamp?: self = .timestamp
    case .duration?: self = .duration
    case .wrapper(let scalar)?: self.init(scalar)
    case nil: self.init(field.type)
    }
  }

  init?(_ type: FieldType) {
    switch type {
    case .string: self = .text
    case .bytes: self = .bytes
    case .enumeration: self = .name
    case .bool: self = .truth
    case .double, .float: self = .floating
    case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .fixed32, .fixed64, .sfixed32,
      .sfixed64:
      self = .integer
    case .message, .group: return nil
    }
  }

  /// Whether `metrics` may be told to take it and windows can.
  var isNumeric: Bool { self == .integer || self == .floating || self == .truth }

  /// Whether it can be a word: the device or an attribute.
  var isWord: Bool { self == .text || self == .name }
}

/// One value of a field.
enum ScalarValue {
  /// Bytes of the payload.
  case text(Range<Int>)
  case bytes(Range<Int>)
  case name(Int32)
  case truth(Bool)
  case integer(Int64)
  /// Above 2^63 − 1.
  case large(UInt64)
  case floating(Double)
  /// Microseconds since 1970.
  case instant(Int64)
  /// Seconds.
  case span(Double)

  /// Reads a field of a scalar type; nil if its wire type is not the declaration's.
  init?(_ type: FieldType, _ field: WireField) {
    guard field.wireType == type.wireType else { return nil }
    let word = field.word
    switch type {
    case .string: self = .text(field.content)
    case .bytes: self = .bytes(field.content)
    case .enumeration: self = .name(Int32(truncatingIfNeeded: word))
    case .bool: self = .truth(word != 0)
    case .double: self = .floating(Double(bitPattern: word))
    case .float: self = .floating(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word))))
    case .int32, .sfixed32: self = .integer(Int64(Int32(truncatingIfNeeded: word)))
    case .uint32, .fixed32: self = .integer(Int64(UInt32(truncatingIfNeeded: word)))
    case .int64, .sfixed64: self = .integer(Int64(bitPattern: word))
    case .sint32, .sint64: self = .integer(Int64(bitPattern: word >> 1 ^ (0 &- (word & 1))))
    case .uint64, .fixed64: self = word > UInt64(Int64.max) ? .large(word) : .integer(Int64(word))
    case .message, .group: return nil
    }
  }

  /// Reads a field of any kind that `ValueKind` has; nil for a wrong wire type, or a broken
  /// Timestamp or its like.
  init?(_ declared: MessageField, _ field: WireField, in bytes: [UInt8]) {
    guard let known = declared.messageType?.wellKnown else {
      self.init(declared.type, field)
      return
    }
    guard field.wireType == 2 else { return nil }
    switch known {
    case .wrapper(let type):
      self = Self.zero(of: type, at: field.content.lowerBound)
      var cursor = WireCursor(bytes, field.content)
      do {
        while let inner = try cursor.next() {
          guard inner.number == 1 else { continue }
          guard let value = ScalarValue(type, inner) else { return nil }
          self = value
        }
      } catch { return nil }
    case .timestamp, .duration:
      guard let (seconds, nanos) = Self.secondsAndNanos(bytes, field.content) else { return nil }
      if known == .duration {
        self = .span(Double(seconds) + Double(nanos) / 1e9)
      } else {
        let (micros, isBeyond) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isBeyondToo) = micros.addingReportingOverflow(nanos / 1000)
        self = .instant(isBeyond || isBeyondToo ? (seconds < 0 ? .min : .max) : sum)
      }
    }
  }

  /// What proto3 does not send.
  static func zero(of type: FieldType, at position: Int = 0) -> ScalarValue {
    switch ValueKind(type) {
    case .text: .text(position..<position)
    case .bytes: .bytes(position..<position)
    case .name: .name(0)
    case .truth: .truth(false)
    case .floating: .floating(0)
    default: .integer(0)
    }
  }

  private static func secondsAndNanos(
    _ bytes: [UInt8], _ range: Range<Int>
  ) -> (seconds: Int64, nanos: Int64)? {
    var result: (seconds: Int64, nanos: Int64) = (0, 0)
    var cursor = WireCursor(bytes, range)
    do {
      while let field = try cursor.next() {
        guard field.number <= 2 else { continue }
        guard field.wireType == 0 else { return nil }
        let number = Int64(bitPattern: field.word)
        if field.number == 1 {
          result.seconds = number
        } else {
          result.nanos = Int64(Int32(truncatingIfNeeded: number))
        }
      }
    } catch { return nil }
    return result
  }
}
