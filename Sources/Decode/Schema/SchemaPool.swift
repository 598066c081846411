/// All message and enum types of one descriptor set, linked: what every schema is, wherever it
/// came from.
///
///     descriptor set ── DescriptorSetReader ──▶ files ── SchemaLinker ──▶ SchemaPool
///
/// Plain values without pointers: `CDescriptors` makes the form that libprotobuf-c wants.
///
/// **Invariants:** every index of a type lies in `messages` or `enums`; fields stand in the order
/// of their numbers, which differ, as do the names; `oneof` is an index into the message's
/// `oneofs`; a map entry has exactly a key (1) and a value (2). Types may contain each other.
package final class SchemaPool: Sendable {
  let messages: [MessageRecord]
  let enums: [EnumRecord]
  private let messageIndexes: [String: Int]
  /// Whether a message, or one that may stand inside it, has a required field.
  private let requires: [Bool]
  /// The same of fields that libprotobuf-c may merge wrongly.
  private let wrongMergers: [Bool]

  /// `messages` and `enums` are linked and checked.
  init(messages: [MessageRecord], enums: [EnumRecord]) {
    self.messages = messages
    self.enums = enums
    messageIndexes = Dictionary(
      messages.indices.map { (messages[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
    let users = Self.users(of: messages)
    requires = Self.spread(messages, users) { $0.presence == .required }
    wrongMergers = Self.spread(messages, users) { field in
      field.oneof != nil || field.type == .string || field.type == .bytes
        || (field.presence == .implicit && !field.isRepeated && !field.type.isMessage)
    }
  }

  /// All message types, in the order of the set, entries of maps included.
  package var messageTypes: [MessageType] {
    messages.indices.map { MessageType(pool: self, index: $0) }
  }

  /// The message type of this full name (`acme.Orbit`); nil if there is none.
  package func messageType(named name: String) -> MessageType? {
    messageIndexes[name].map { MessageType(pool: self, index: $0) }
  }

  func hasRequiredField(inMessage index: Int) -> Bool { requires[index] }

  func mergesWrongly(message index: Int) -> Bool { wrongMergers[index] }

  /// By message, those whose fields it is the type of.
  private static func users(of messages: [MessageRecord]) -> [[Int]] {
    var users: [[Int]] = Array(repeating: [], count: messages.count)
    for (index, message) in messages.enumerated() {
      for field in message.fields where field.type.isMessage {
        if let target = field.typeIndex { users[target].append(index) }
      }
    }
    return users
  }

  /// The messages with such a field, and all that may contain them. Once for the whole pool:
  /// large schemas have thousands of types, each of which is asked for each of its uses.
  private static func spread(
    _ messages: [MessageRecord], _ users: [[Int]], from isSuch: (FieldRecord) -> Bool
  ) -> [Bool] {
    var isFound = messages.map { $0.fields.contains(where: isSuch) }
    var open = messages.indices.filter { isFound[$0] }
    while let index = open.popLast() {
      for user in users[index] where !isFound[user] {
        isFound[user] = true
        open.append(user)
      }
    }
    return isFound
  }
}

/// One message type as a pool keeps it.
struct MessageRecord: Sendable {
  /// The full name, package included.
  var name: String
  /// By number, ascending.
  var fields: [FieldRecord]
  /// Names; those that a compiler made up for proto3's `optional` are left out.
  var oneofs: [String] = []
  var isMapEntry = false
}

/// One field as a pool keeps it.
struct FieldRecord: Sendable {
  var name: String
  var number: UInt32
  var type: FieldType
  var isRepeated = false
  /// How writers encode it; readers take both forms.
  var isPacked = false
  var presence = FieldPresence.explicit
  /// Index into the message's oneofs.
  var oneof: Int?
  /// Index into the pool's messages or enums, by `type`.
  var typeIndex: Int?
  /// Whether a string that is not UTF-8 makes the message unreadable to Google's parsers.
  var validatesUTF8 = false
  /// In one line, as `DescriptorComments` bounds it.
  var comment: String?
}

/// One enum type as a pool keeps it.
struct EnumRecord: Sendable {
  /// The full name, package included.
  var name: String
  /// In the order of declaration; two names may have one number.
  var values: [EnumType.Value]
  /// Whether a number without a name is an unknown field (proto2) and not a value.
  var isClosed = false
}
