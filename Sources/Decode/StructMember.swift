/// Where one scalar or string stands in the C struct libprotobuf-c unpacked, and how its presence
/// is told. Everything comes from the field and its place in the C descriptors.
struct StructMember {
  enum Presence: UInt8 {
    /// `required`: unpacking fails without it.
    case always
    /// proto2 and proto3 `optional`: `has_` is not 0 (a string: not null).
    case quantifier
    /// In a oneof: the case holds this field's number.
    case oneofCase
    /// proto3 without `optional`: a zero is not on the wire, so absent is what zero means.
    case nonZero
  }

  enum Kind: UInt8 {
    case int32, uint32, int64, uint64, float, double, boolean
    case string
  }

  /// Index of the C struct it is in: 0 is the message itself, others see `StructGroup`.
  var group: Int32
  var offset: Int32
  var quantifierOffset: Int32
  var caseNumber: UInt32
  var presence: Presence
  var kind: Kind

  init(_ field: MessageField, at place: CDescriptors.Place, kind: Kind, group: Int) {
    self.kind = kind
    self.group = Int32(group)
    offset = Int32(place.offset)
    quantifierOffset = Int32(place.quantifierOffset)
    caseNumber = field.number
    if field.oneof != nil {
      presence = .oneofCase
    } else {
      presence =
        switch field.presence {
        case .required: .always
        case .implicit: .nonZero
        case .explicit: .quantifier
        }
    }
  }
}

/// A singular nested message on the way to a mapped field: a pointer in its parent's struct.
struct StructGroup {
  /// Index of the parent, which comes before.
  var parent: Int32
  var pointerOffset: Int32
  /// Where the oneof's case stands, if the message is in one.
  var caseOffset: Int32
  /// The case that selects it; 0 if it is in no oneof.
  var caseNumber: UInt32
}

/// A string of the record: its place in the struct tells presence, its slot where its bytes lie on
/// the wire (libprotobuf-c's own copy ends at the first NUL).
struct TextMember {
  var member: StructMember
  var slot: Int
}

// MARK: - Hot loops

// These read memory that libprotobuf-c laid out by the same descriptors the offsets come from.

/// Fills `bases` with the address of each group's struct, nil where the message is absent.
func resolve(
  _ groups: [StructGroup], from message: UnsafeRawPointer,
  into bases: inout [UnsafeRawPointer?]
) {
  unsafe bases[0] = message
  for index in groups.indices {
    let group = groups[index]
    var base: UnsafeRawPointer?
    if let parent = unsafe bases[Int(group.parent)] {
      let isSelected = unsafe group.caseNumber == 0
        || parent.load(fromByteOffset: Int(group.caseOffset), as: UInt32.self) == group.caseNumber
      if isSelected {
        unsafe base = parent.load(
          fromByteOffset: Int(group.pointerOffset), as: UnsafeRawPointer?.self)
      }
    }
    unsafe bases[index + 1] = base
  }
}

/// Whether a number is present; `word` is what `loadWord` read of it.
@inline(__always)
func isPresent(_ member: StructMember, in base: UnsafeRawPointer, word: UInt64) -> Bool {
  switch member.presence {
  case .always: true
  case .nonZero: word != 0
  case .quantifier:
    unsafe base.load(fromByteOffset: Int(member.quantifierOffset), as: Int32.self) != 0
  case .oneofCase:
    unsafe base.load(fromByteOffset: Int(member.quantifierOffset), as: UInt32.self)
      == member.caseNumber
  }
}

/// A number as the 64-bit word of a reading batch (see `MetricType`); an unsigned one bit for bit.
@inline(__always)
func loadWord(_ member: StructMember, in base: UnsafeRawPointer) -> UInt64 {
  let offset = Int(member.offset)
  switch member.kind {
  case .double, .int64, .uint64:
    return unsafe base.load(fromByteOffset: offset, as: UInt64.self)
  case .float:
    return Double(unsafe base.load(fromByteOffset: offset, as: Float.self)).bitPattern
  case .int32:
    return UInt64(bitPattern: Int64(unsafe base.load(fromByteOffset: offset, as: Int32.self)))
  case .uint32:
    return UInt64(unsafe base.load(fromByteOffset: offset, as: UInt32.self))
  case .boolean:
    return unsafe base.load(fromByteOffset: offset, as: Int32.self) != 0 ? 1 : 0
  case .string:
    preconditionFailure("a string is read from the wire, not from the struct")
  }
}

/// Whether a string is present in the struct.
func isPresent(_ text: TextMember, in base: UnsafeRawPointer) -> Bool {
  let member = text.member
  if member.presence == .oneofCase {
    return unsafe base.load(fromByteOffset: Int(member.quantifierOffset), as: UInt32.self)
      == member.caseNumber
  }
  return unsafe base.load(fromByteOffset: Int(member.offset), as: UInt.self) != 0
}
