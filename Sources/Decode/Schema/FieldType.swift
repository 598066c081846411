/// The declared type of a field; the raw values are `FieldDescriptorProto.Type`'s.
///
/// Source: protobuf.dev, "Scalar Value Types" and "Encoding".
package enum FieldType: UInt8, CaseIterable, Sendable {
  case double = 1
  case float, int64, uint64, int32, fixed64, fixed32, bool, string
  /// proto2's `group`, and a message of an edition that is encoded as one (`DELIMITED`).
  case group
  case message, bytes, uint32
  case enumeration
  case sfixed32, sfixed64, sint32, sint64

  /// As a `.proto` file spells it.
  package var name: String {
    self == .enumeration ? "enum" : "\(self)"
  }

  /// The wire type of one value: 0 varint, 1 eight bytes, 2 with a length, 3 group, 5 four bytes.
  package var wireType: UInt8 {
    switch self {
    case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .bool, .enumeration: 0
    case .fixed64, .sfixed64, .double: 1
    case .string, .bytes, .message: 2
    case .group: 3
    case .fixed32, .sfixed32, .float: 5
    }
  }

  /// Whether several values may stand in one length-delimited field.
  package var isPackable: Bool { wireType != 2 && wireType != 3 }

  /// Whether values are messages, in either encoding.
  package var isMessage: Bool { self == .message || self == .group }
}

/// How the presence of a singular field is told.
package enum FieldPresence: UInt8, Sendable {
  /// A message without it is no message of its type.
  case required
  /// On the wire or not: proto2, `optional` of proto3, members of a oneof, every message.
  case explicit
  /// A zero is not on the wire: proto3 without `optional`. Repeated fields are `implicit` as well,
  /// where it says nothing.
  case implicit
}

/// Message types that the program knows by name and gives a meaning of their own.
package enum WellKnownType: Hashable, Sendable {
  /// `google.protobuf.Timestamp`: seconds since 1970 and nanoseconds.
  case timestamp
  /// `google.protobuf.Duration`: seconds and nanoseconds, of one sign.
  case duration
  /// `google.protobuf.DoubleValue` and its eight siblings: a scalar that may be absent.
  case wrapper(FieldType)

  /// The type of this name, whatever fields it has.
  init?(name: String) {
    switch name {
    case "google.protobuf.Timestamp": self = .timestamp
    case "google.protobuf.Duration": self = .duration
    case "google.protobuf.DoubleValue": self = .wrapper(.double)
    case "google.protobuf.FloatValue": self = .wrapper(.float)
    case "google.protobuf.Int64Value": self = .wrapper(.int64)
    case "google.protobuf.UInt64Value": self = .wrapper(.uint64)
    case "google.protobuf.Int32Value": self = .wrapper(.int32)
    case "google.protobuf.UInt32Value": self = .wrapper(.uint32)
    case "google.protobuf.BoolValue": self = .wrapper(.bool)
    case "google.protobuf.StringValue": self = .wrapper(.string)
    case "google.protobuf.BytesValue": self = .wrapper(.bytes)
    default: return nil
    }
  }

  /// Number and type of the fields that the meaning rests on.
  var fields: [(number: UInt32, type: FieldType)] {
    switch self {
    case .timestamp, .duration: [(1, .int64), (2, .int32)]
    case .wrapper(let type): [(1, type)]
    }
  }
}
