import Base

/// Turns the declarations of a set's files into a pool: checks what protoc would never write, looks
/// up the names of types, and settles what each field means on the wire.
///
/// The checks are those the rest of the program relies on, and those that tell a person why a set
/// cannot be used. What no decoder can notice (names of packages, reserved numbers, options) is
/// not checked. Message types may contain each other; files may not import each other.
///
/// **Invariants:** `messages` and `enums` hold, in this order, what `symbols` points to.
struct SchemaLinker {
  /// Longest name, in bytes.
  private static let nameByteCountMax = 512
  /// The same with all names around it, which the full names of nested types repeat: so memory is
  /// linear in the set.
  private static let fullNameByteCountMax = 4096
  /// Field numbers end here (protobuf.dev, "Assigning Field Numbers").
  private static let fieldNumberMax: Int32 = 536_870_911

  enum Symbol {
    case message(Int)
    case enumeration(Int)
  }

  /// A message whose fields are still to be linked.
  private struct Open {
    var declaration: MessageDeclaration
    var file: String
    var features: Features
  }

  let path: String
  private var symbols: [String: Symbol] = [:]
  /// The file of each symbol, for messages to people.
  private var files: [String: String] = [:]
  private var messages: [MessageRecord] = []
  private var enums: [EnumRecord] = []
  private var open: [Open] = []

  init(path: String) { self.path = path }

  mutating func link(_ files: [FileDeclaration]) throws(DescriptorSetError) -> SchemaPool {
    guard !files.isEmpty else {
      throw error("the set holds no files", DescriptorSetError.remedy)
    }
    try FileImports(files, path: path).check()
    for file in files {
      guard let features = Features(syntax: file.syntax, edition: file.edition) else {
        throw error(
          "\(Self.shown(file.name)) has \(Self.dialect(of: file)), unknown to this release",
          "it knows proto2, proto3 and the editions 2023 and 2024")
      }
      try declare(file, features.with(file.features))
    }
    guard !messages.isEmpty else {
      throw error("the set declares no message", DescriptorSetError.remedy)
    }
    for index in open.indices { try linkFields(ofMessage: index) }
    for index in messages.indices where messages[index].isMapEntry {
      try checkMapEntry(messages[index])
    }
    return SchemaPool(messages: messages, enums: enums)
  }

  // MARK: - Names

  private mutating func declare(
    _ file: FileDeclaration, _ features: Features
  ) throws(DescriptorSetError) {
    let parts = file.package.split(separator: ".", omittingEmptySubsequences: false)
    let isSound = file.package.isEmpty
      || file.package.utf8.count <= Self.nameByteCountMax && parts.allSatisfy(Self.isName)
    guard isSound else {
      throw error("the package of \(Self.shown(file.name)) is no name")
    }
    for type in file.enums { try declare(type, in: file.package, of: file.name, features) }
    for type in file.messages { try declare(type, in: file.package, of: file.name, features) }
  }

  private mutating func declare(
    _ type: MessageDeclaration, in scope: String, of file: String, _ outer: Features
  ) throws(DescriptorSetError) {
    let name = try fullName(type.name, in: scope, of: file, symbol: .message(messages.count))
    let features = outer.with(type.features)
    messages.append(MessageRecord(name: name, fields: [], isMapEntry: type.isMapEntry))
    open.append(Open(declaration: type, file: file, features: features))
    // What is needed of it later are fields and oneofs.
    open[open.count - 1].declaration.messages = []
    for inner in type.enums { try declare(inner, in: name, of: file, features) }
    for inner in type.messages { try declare(inner, in: name, of: file, features) }
  }

  private mutating func declare(
    _ type: EnumDeclaration, in scope: String, of file: String, _ outer: Features
  ) throws(DescriptorSetError) {
    let name = try fullName(type.name, in: scope, of: file, symbol: .enumeration(enums.count))
    var names: Set<String> = []
    var numbers: Set<Int32> = []
    for value in type.values {
      guard Self.isName(value.name) else { throw error("a value of \(name) has no proper name") }
      guard names.insert(value.name).inserted else {
        throw error("\(name) has two values named \(value.name)")
      }
      guard numbers.insert(value.number).inserted || type.allowsAlias else {
        throw error("\(name) has two values \(value.number), and does not say allow_alias")
      }
    }
    guard !type.values.isEmpty else { throw error("the enum \(name) has no values") }
    enums.append(
      EnumRecord(
        name: name, values: type.values.map { EnumType.Value(name: $0.name, number: $0.number) },
        isClosed: outer.with(type.features).hasClosedEnums))
  }

  private mutating func fullName(
    _ name: String, in scope: String, of file: String, symbol: Symbol
  ) throws(DescriptorSetError) -> String {
    guard Self.isName(name) else {
      throw error("a type of \(Self.shown(file)) has no proper name (\(Self.shown(name)))")
    }
    guard scope.utf8.count + name.utf8.count < Self.fullNameByteCountMax else {
      throw error("a type in \(Self.shown(scope)) has a full name that is too long")
    }
    let full = scope.isEmpty ? name : "\(scope).\(name)"
    if let other = files.updateValue(file, forKey: full) {
      throw error(
        "two types are named \(full): one in \(Self.shown(other)), one in \(Self.shown(file))")
    }
    symbols[full] = symbol
    return full
  }

  // MARK: - Fields

  private mutating func linkFields(ofMessage index: Int) throws(DescriptorSetError) {
    let declaration = open[index].declaration
    let name = messages[index].name
    var names: Set<String> = []
    var numbers: Set<Int32> = []
    for field in declaration.fields {
      guard Self.isName(field.name) else {
        throw error("a field of \(name) has no proper name (\(Self.shown(field.name)))")
      }
      guard names.insert(field.name).inserted else {
        throw error("\(name) has two fields named \(field.name)")
      }
      guard let number = field.number, 1...Self.fieldNumberMax ~= number else {
        throw error("\(name).\(field.name) has no number, or one out of range")
      }
      guard numbers.insert(number).inserted else {
        throw error("\(name) has two fields with the number \(number)")
      }
    }
    let oneofs = try realOneofs(of: declaration, name)
    var fields: [FieldRecord] = []
    for field in declaration.fields {
      fields.append(try link(field, of: index, oneofs))
    }
    fields.sort { $0.number < $1.number }
    messages[index].fields = fields
    messages[index].oneofs = oneofs.names
  }

  /// The oneofs that are none of a compiler's for proto3's `optional`, and the index that each of
  /// the declared ones has among them.
  private func realOneofs(
    of type: MessageDeclaration, _ name: String
  ) throws(DescriptorSetError) -> (names: [String], indexes: [Int32: Int]) {
    var names: [String] = []
    var indexes: [Int32: Int] = [:]
    for field in type.fields where !field.isProto3Optional {
      guard let declared = field.oneofIndex, indexes[declared] == nil else { continue }
      guard type.oneofs.indices.contains(Int(declared)) else {
        throw error("\(name).\(field.name) is in a oneof that its message does not have")
      }
      indexes[declared] = names.count
      names.append(type.oneofs[Int(declared)].name)
    }
    return (names, indexes)
  }

  private func link(
    _ field: FieldDeclaration, of message: Int, _ oneofs: (names: [String], indexes: [Int32: Int])
  ) throws(DescriptorSetError) -> FieldRecord {
    let owner = messages[message]
    let place = "\(owner.name).\(field.name)"
    guard let label = Label(rawValue: field.label ?? 1) else {
      throw error("\(place) has the label \(field.label ?? 0), which there is not")
    }
    let (declared, typeIndex) = try declaredType(of: field, in: owner.name, place)
    var type = declared
    var features = open[message].features
    let oneof = field.isProto3Optional ? nil : field.oneofIndex.flatMap { oneofs.indexes[$0] }
    if oneof != nil, let index = field.oneofIndex {
      features = features.with(open[message].declaration.oneofs[Int(index)].features)
      guard label == .optional else {
        throw error("\(place) is in a oneof, where only singular fields may be")
      }
    }
    features = features.with(field.features)
    // Maps have one encoding, whatever is said around them.
    let isOfMap = owner.isMapEntry || typeIndex.map { type == .message && isMapEntry($0) } ?? false
    if type == .message, features.delimitsMessages, !isOfMap { type = .group }
    let presence: FieldPresence =
      switch label {
      case .repeated: .implicit
      case .required: .required
      case .optional:
        if features.presence == .required {
          .required
        } else if oneof != nil || field.isProto3Optional || type.isMessage {
          .explicit
        } else {
          features.presence
        }
      }
    let isPacked = label == .repeated && type.isPackable && (field.isPacked ?? features.packs)
    return FieldRecord(
      name: field.name, number: UInt32(field.number ?? 0), type: type,
      isRepeated: label == .repeated, isPacked: isPacked, presence: presence, oneof: oneof,
      typeIndex: typeIndex, validatesUTF8: type == .string && features.validatesUTF8,
      comment: field.comment)
  }

  private enum Label: Int32 {
    case optional = 1
    case required, repeated
  }

  private func isMapEntry(_ message: Int) -> Bool { messages[message].isMapEntry }

  /// The field's type, and the index of the message or enum it names.
  private func declaredType(
    of field: FieldDeclaration, in scope: String, _ place: String
  ) throws(DescriptorSetError) -> (FieldType, Int?) {
    var type: FieldType?
    if let number = field.type {
      type = UInt8(exactly: number).flatMap(FieldType.init)
      if type == nil { throw error("\(place) has the type \(number), which there is not") }
    }
    guard type?.isMessage == true || type == .enumeration || type == nil else {
      return (type ?? .int32, nil)
    }
    guard !field.typeName.isEmpty else { throw error("\(place) does not say which type it has") }
    guard let symbol = symbol(field.typeName, in: scope) else {
      throw unknownType(field.typeName, place)
    }
    switch (type, symbol) {
    case (.message?, .message(let index)): return (.message, index)
    case (.group?, .message(let index)): return (.group, index)
    case (nil, .message(let index)): return (.message, index)
    case (.enumeration, .enumeration(let index)), (nil, .enumeration(let index)):
      return (.enumeration, index)
    case (_, .message): throw error("\(place) is to be an enum, and \(field.typeName) is a message")
    case (_, .enumeration):
      throw error("\(place) is to be a message, and \(field.typeName) is an enum")
    }
  }

  /// protoc writes full names with a leading dot; a name without one is looked for from the inside
  /// out.
  private func symbol(_ name: String, in scope: String) -> Symbol? {
    if name.hasPrefix(".") { return symbols[String(name.dropFirst())] }
    guard name.utf8.count <= 4 * Self.nameByteCountMax else { return nil }
    var scope = scope[...]
    while true {
      if let symbol = symbols["\(scope).\(name)"] { return symbol }
      guard let dot = scope.lastIndex(of: ".") else { return symbols[name] }
      scope = scope[..<dot]
    }
  }

  private func unknownType(_ name: String, _ place: String) -> DescriptorSetError {
    let name = name.hasPrefix(".") ? String(name.dropFirst()) : name
    return error(
      "\(place) is of the type \(Self.shown(name)), which no file of the set declares",
      DescriptorSetError.remedy)
  }

  /// Whoever reads a map relies on this.
  private func checkMapEntry(_ entry: MessageRecord) throws(DescriptorSetError) {
    let isSound =
      entry.fields.count == 2 && entry.fields[0].number == 1 && entry.fields[1].number == 2
      && entry.fields.allSatisfy {
        !$0.isRepeated && $0.oneof == nil && $0.presence != .required && $0.type != .group
      }
    let isKey =
      switch entry.fields.first?.type {
      case nil, .double, .float, .bytes, .message, .group, .enumeration: false
      default: true
      }
    guard isSound && isKey else {
      throw error("\(entry.name) says it is an entry of a map, and is not what such entries are")
    }
  }

  // MARK: - Words

  private func error(_ problem: String, _ suggestion: String? = nil) -> DescriptorSetError {
    DescriptorSetError(path: path, problem: problem, suggestion: suggestion)
  }

  /// Whether it is what a `.proto` file may call something: letters, digits, `_`.
  private static func isName(_ name: some StringProtocol) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first),
      name.utf8.count <= nameByteCountMax
    else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }

  /// A text that may be anything, fit for a sentence.
  static func shown(_ text: String) -> String { PlainText.shown(text) }

  private static func dialect(of file: FileDeclaration) -> String {
    file.syntax == "editions"
      ? "the edition \(file.edition.map { "\($0)" } ?? "\"\"")" : "the syntax \(shown(file.syntax))"
  }
}
