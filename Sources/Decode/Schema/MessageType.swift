/// One message type of a pool: a name for a place in it, cheap to copy. Types are equal if they are
/// the same type of the same pool.
package struct MessageType: Sendable {
  package let pool: SchemaPool
  /// Index among the pool's messages.
  package let index: Int

  init(pool: SchemaPool, index: Int) {
    self.pool = pool
    self.index = index
  }

  private var record: MessageRecord { pool.messages[index] }

  /// The full name, package included: `fleet.telemetry.v1.DeviceTelemetry`.
  package var name: String { record.name }
  /// Names of the oneofs, but for those that stand for proto3's `optional`.
  package var oneofs: [String] { record.oneofs }
  /// Whether a compiler made it up for a map: key is field 1, value is field 2.
  package var isMapEntry: Bool { record.isMapEntry }
  /// Whether it, or a message that may stand inside it, has a `required` field.
  package var hasRequiredField: Bool { pool.hasRequiredField(inMessage: index) }

  /// All fields by number, ascending. Cost: an array a call; made for compiling, not for decoding.
  package var fields: [MessageField] {
    record.fields.indices.map { field(at: $0) }
  }

  /// How many fields it has.
  package var fieldCount: Int { record.fields.count }

  /// The field at an index below `fieldCount`, in the order of numbers.
  package func field(at index: Int) -> MessageField {
    precondition(record.fields.indices.contains(index), "a field index lies within the message")
    return MessageField(parent: self, index: index, record: record.fields[index])
  }

  /// The field of this name, as written in the `.proto` file.
  package func field(named name: some StringProtocol) -> MessageField? {
    fieldIndex(named: name).map { field(at: $0) }
  }

  /// The field of this number.
  package func field(numbered number: UInt32) -> MessageField? {
    record.fields.firstIndex { $0.number == number }.map { field(at: $0) }
  }

  func fieldIndex(named name: some StringProtocol) -> Int? {
    record.fields.firstIndex { $0.name == name }
  }

  /// The meaning the program gives it; nil for all others, and for a type that has such a name but
  /// not the fields.
  package var wellKnown: WellKnownType? {
    guard let type = WellKnownType(name: name) else { return nil }
    let fits = type.fields.allSatisfy { expected in
      guard let field = field(numbered: expected.number) else { return false }
      return field.type == expected.type && !field.isRepeated
    }
    return fits ? type : nil
  }
}

extension MessageType: Hashable {
  /// The same type of the same pool.
  package static func == (left: MessageType, right: MessageType) -> Bool {
    left.index == right.index && left.pool === right.pool
  }

  /// By pool and place in it.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(pool))
    hasher.combine(index)
  }
}

/// One field of a `MessageType`.
package struct MessageField: Sendable {
  /// The message that declares it.
  package let parent: MessageType
  /// Index among the parent's fields, in the order of numbers.
  package let index: Int
  private let record: FieldRecord

  fileprivate init(parent: MessageType, index: Int, record: FieldRecord) {
    self.parent = parent
    self.index = index
    self.record = record
  }

  /// As written in the `.proto` file.
  package var name: String { record.name }
  package var number: UInt32 { record.number }
  package var type: FieldType { record.type }
  package var isRepeated: Bool { record.isRepeated }
  /// Whether writers pack it; readers must take both forms.
  package var isPacked: Bool { record.isPacked }
  package var presence: FieldPresence { record.presence }
  /// Index into the parent's `oneofs`; nil outside of oneofs and for proto3's `optional`.
  package var oneof: Int? { record.oneof }
  /// Whether Google's parsers refuse a message where this string is not UTF-8 (proto3, editions).
  package var validatesUTF8: Bool { record.validatesUTF8 }
  /// The comment in front of or behind it in the `.proto` file, in one line of 1,000 characters at
  /// most; nil where there is none, and where the descriptor set was made without them.
  package var comment: String? { record.comment }

  /// The type of a message or group; nil for all others.
  package var messageType: MessageType? {
    guard type.isMessage, let index = record.typeIndex else { return nil }
    return MessageType(pool: parent.pool, index: index)
  }

  /// The type of an enum; nil for all others.
  package var enumType: EnumType? {
    guard type == .enumeration, let index = record.typeIndex else { return nil }
    return EnumType(record: parent.pool.enums[index])
  }

  /// Whether it was declared as `map<…>`: repeated entries of key and value.
  package var isMap: Bool { isRepeated && messageType?.isMapEntry == true }

  /// The declared type for messages to people: `double`, `acme.Mode`, `map<string, float>`.
  package var typeName: String {
    if isMap, let entry = messageType, let key = entry.field(numbered: 1),
      let value = entry.field(numbered: 2)
    {
      return "map<\(key.typeName), \(value.typeName)>"
    }
    return messageType?.name ?? enumType?.name ?? type.name
  }
}

/// An enum type: names of numbers.
package struct EnumType: Sendable {
  /// One named number.
  package struct Value: Hashable, Sendable {
    package var name: String
    package var number: Int32

    package init(name: String, number: Int32) {
      self.name = name
      self.number = number
    }
  }

  private let record: EnumRecord

  init(record: EnumRecord) { self.record = record }

  /// The full name, package included.
  package var name: String { record.name }
  /// In the order of declaration; with `allow_alias` two names may have one number.
  package var values: [Value] { record.values }
  /// Whether a number without a name counts as an unknown field and not as a value: proto2, and
  /// `CLOSED` of an edition.
  package var isClosed: Bool { record.isClosed }

  /// The first name of a number; nil if it has none. Cost: a search; for a decoder build a table.
  package func name(of number: Int32) -> String? {
    record.values.first { $0.number == number }?.name
  }
}
