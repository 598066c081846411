internal import Base

/// The keys of one mapping, each with what the JSON Schema says about it. A `switch` without
/// `default` in `entry` has the compiler ask for every key that is added.
protocol DescribedKey: ConfigKey {
  var entry: SchemaEntry { get }
  /// What only several keys together break: parts of a schema, all of which must hold.
  static var conditions: [JSONValue] { get }
  /// Whether the mapping may have none of its keys, as far as none is required.
  static var mayBeEmpty: Bool { get }
  /// Keys that are made of somebody's names: a pattern in the place of the name.
  static var patterns: [SchemaProperty] { get }
}

extension DescribedKey {
  static var conditions: [JSONValue] { [] }
  static var mayBeEmpty: Bool { true }
  static var patterns: [SchemaProperty] { [] }
}

/// What the schema says about one key.
struct SchemaEntry {
  let shape: ValueShape
  /// One or two short sentences: what it means, as docs/CONFIG.md has it.
  let about: String
  var isRequired = false
  /// What holds where the key is absent, as the file would have it; nil where that is nothing, or
  /// depends on other keys.
  var standard: JSONValue?

  /// A key that must be there.
  static func required(_ shape: ValueShape, _ about: String) -> SchemaEntry {
    SchemaEntry(shape: shape, about: about, isRequired: true)
  }

  static func optional(
    _ shape: ValueShape, default standard: JSONValue? = nil, _ about: String
  ) -> SchemaEntry {
    SchemaEntry(shape: shape, about: about, standard: standard)
  }

  static func duration(
    in range: ClosedRange<Int64>, default micros: Int64? = nil, isRequired: Bool = false,
    _ about: String
  ) -> SchemaEntry {
    let ends = [range.lowerBound, range.upperBound].map(DurationText.text)
    return SchemaEntry(
      shape: .form(.duration), about: "\(about) \(ends[0]) to \(ends[1]).",
      isRequired: isRequired, standard: micros.map { .string(DurationText.text(micros: $0)) })
  }

  static func byteCount(
    in range: ClosedRange<Int64>, default byteCount: Int64, _ about: String
  ) -> SchemaEntry {
    let ends = [range.lowerBound, range.upperBound].map(ByteCountText.text)
    return SchemaEntry(
      shape: .form(.size), about: "\(about) \(ends[0]) to \(ends[1]).",
      standard: .string(ByteCountText.text(byteCount: byteCount)))
  }

  static func wholeNumber(
    in range: ClosedRange<Int>, default count: Int? = nil, _ about: String
  ) -> SchemaEntry {
    .optional(.wholeNumber(range), default: count.map { .int($0) }, about)
  }

  static func words<Word: ConfigWord>(default word: Word, _ about: String) -> SchemaEntry {
    .optional(.words(Word.self), default: .string(word.rawValue), about)
  }

  /// A mapping all of whose keys have defaults, or of which a part may be left out.
  static func mapping<Key: DescribedKey>(_ keys: Key.Type, _ about: String) -> SchemaEntry {
    .optional(.mapping(keys), about)
  }
}

/// What may stand as a value.
indirect enum ValueShape {
  /// A single value of a form that `$defs` describes.
  case form(SchemaForm)
  case word([String])
  case wholeNumber(ClosedRange<Int>)
  case number(from: Double?)
  case flag
  /// - `least`: How many items there must be. A list that may be empty may also have no value.
  case list(ValueShape, least: Int)
  /// A list of exactly so many.
  case tuple(ValueShape, count: Int)
  case keys(
    [SchemaProperty], rules: [JSONValue], mayBeEmpty: Bool, patterns: [SchemaProperty] = [])
  /// A mapping whose keys are somebody else's.
  case freeKeys(except: [String])
  case either([ValueShape])

  static func words<Word: ConfigWord>(_ words: Word.Type) -> ValueShape {
    .word(words.allCases.map(\.rawValue))
  }

  static func mapping<Key: DescribedKey>(_ keys: Key.Type) -> ValueShape {
    .keys(
      Key.allCases.map { SchemaProperty(name: $0.rawValue, entry: $0.entry) },
      rules: Key.conditions, mayBeEmpty: Key.mayBeEmpty, patterns: Key.patterns)
  }
}

/// One key of a mapping.
struct SchemaProperty {
  let name: String
  let entry: SchemaEntry
}

// MARK: - As JSON Schema

extension SchemaProperty {
  /// Description and default stand before the shape: that is the order in which people read.
  var json: JSONValue {
    var members = [JSONMember("description", .string(entry.about))]
    if let standard = entry.standard { members.append(JSONMember("default", standard)) }
    return .object(members + entry.shape.members)
  }
}

extension ValueShape {
  var json: JSONValue { .object(members) }

  /// The keywords of the shape. Wherever a single value stands a reference to the environment may
  /// stand instead.
  var members: [JSONMember] {
    switch self {
    case .form(let form): return [JSONMember("$ref", .string("#/$defs/\(form.rawValue)"))]
    case .word(let words):
      return [JSONMember("anyOf", [["enum": .array(words.map { .string($0) })], Self.reference])]
    case .wholeNumber(let range):
      let number: JSONValue = [
        "type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound),
      ]
      return [
        JSONMember("anyOf", [number, ["$ref": .string(SchemaForm.grouped.path)], Self.reference])
      ]
    case .number(let least):
      var number = [JSONMember("type", "number")]
      if let least = least.flatMap(JSONValue.double) { number.append(JSONMember("minimum", least)) }
      return [JSONMember("anyOf", [.object(number), Self.reference])]
    case .flag: return [JSONMember("anyOf", [["type": "boolean"], Self.reference])]
    case .list(let item, let least):
      let types: JSONValue = least > 0 ? "array" : ["array", "null"]
      let count = least > 0 ? [JSONMember("minItems", .int(least))] : []
      return [JSONMember("type", types)] + count + [JSONMember("items", item.json)]
    case .tuple(let item, let count):
      return [
        JSONMember("type", "array"), JSONMember("minItems", .int(count)),
        JSONMember("maxItems", .int(count)), JSONMember("items", item.json),
      ]
    case .keys(let properties, let rules, let mayBeEmpty, let patterns):
      let members = Self.members(of: properties, rules, mayBeEmpty: mayBeEmpty)
      guard !patterns.isEmpty else { return members }
      let named = JSONValue.object(patterns.map { JSONMember($0.name, $0.json) })
      return members + [JSONMember("patternProperties", named)]
    case .freeKeys(let reserved):
      let names = JSONValue.array(reserved.map { .string($0) })
      return [
        JSONMember("type", ["object", "null"]),
        JSONMember("propertyNames", ["not": ["enum": names]]),
        JSONMember("additionalProperties", ["type": ["string", "number", "boolean"]]),
      ]
    case .either(let shapes): return [JSONMember("anyOf", .array(Self.choices(of: shapes)))]
    }
  }

  /// Choices of choices are choices; none is there twice.
  private static func choices(of shapes: [ValueShape]) -> [JSONValue] {
    var choices: [JSONValue] = []
    for shape in shapes {
      let json = shape.json
      let inner = json.members?.count == 1 ? json["anyOf"]?.arrayValue : nil
      for choice in inner ?? [json] where !choices.contains(choice) { choices.append(choice) }
    }
    return choices
  }

  private static var reference: JSONValue { ["$ref": .string(SchemaForm.reference.path)] }

  /// A mapping without required keys may have no value: all its children are commented out.
  private static func members(
    of properties: [SchemaProperty], _ rules: [JSONValue], mayBeEmpty: Bool
  ) -> [JSONMember] {
    let required = properties.filter(\.entry.isRequired).map { JSONValue.string($0.name) }
    let mayBeNull = required.isEmpty && mayBeEmpty
    var members = [
      JSONMember("type", mayBeNull ? ["object", "null"] : "object"),
      JSONMember("additionalProperties", false),
      JSONMember("properties", .object(properties.map { JSONMember($0.name, $0.json) })),
    ]
    if !required.isEmpty { members.append(JSONMember("required", .array(required))) }
    if !rules.isEmpty { members.append(JSONMember("allOf", .array(rules))) }
    return members
  }
}

// MARK: - Rules of several keys

extension JSONValue {
  /// All of the keys are there.
  static func has<Key: ConfigKey>(_ keys: Key...) -> JSONValue {
    ["required": .array(keys.map { .string($0.rawValue) })]
  }

  /// Not all of the keys are there.
  static func excludes<Key: ConfigKey>(_ keys: Key...) -> JSONValue {
    ["not": ["required": .array(keys.map { .string($0.rawValue) })]]
  }

  /// At least one of the keys is there.
  static func needsOne<Key: ConfigKey>(of keys: [Key]) -> JSONValue {
    ["anyOf": .array(keys.map { .has($0) })]
  }

  /// Exactly one of the keys is there.
  static func needsExactlyOne<Key: ConfigKey>(of keys: [Key]) -> JSONValue {
    ["oneOf": .array(keys.map { .has($0) })]
  }

  /// Where a key is there, another is too.
  static func needs<Key: ConfigKey>(_ key: Key, _ other: Key) -> JSONValue {
    .object([
      JSONMember(
        "dependentRequired",
        .object([JSONMember(key.rawValue, .array([.string(other.rawValue)]))]))
    ])
  }
}
