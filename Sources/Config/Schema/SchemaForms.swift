internal import Base

/// The forms of single values, each once in the schema's `$defs`.
///
/// A pattern says less than the program checks (no ranges, no files that must be there), and never
/// more: what it refuses the program refuses too. Patterns are ECMA-262's, as JSON Schema has them,
/// of the part that Python and others share.
enum SchemaForm: String, CaseIterable {
  case reference, grouped, duration, size, rate, date, share
  case text, path, mode, secret, url, userName = "user_name", subject
  case label, table, column, topic, message, glob
  case fieldPath = "field_path"
  case deviceField = "device_field"
  case timeField = "time_field"
  case attributeField = "attribute_field"
  case broker, brokers, address
  case protoFile = "proto_file"
  case webURL = "web_url"
  case alertURL = "alert_url"

  var path: String { "#/$defs/\(rawValue)" }

  /// The definition.
  var json: JSONValue {
    switch self {
    case .reference: Self.text(#"\$\{"#, "A value from the environment: ${NAME}, ${NAME:-default}.")
    case .grouped:
      Self.text("^[0-9]+(_[0-9]+)+$", "A whole number such as 1_000_000.")
    case .duration: Self.orZero("^(?=.)\(Self.durationPattern)$", DurationText.example)
    case .size: Self.orZero("^\(Self.number)(\(Self.sizeUnits))$", ByteCountText.example)
    case .rate: Self.value("\(Self.number)(\(Self.sizeUnits))/s", RateText.example)
    case .date: Self.value("[0-9]{4}-[0-9]{2}-[0-9]{2}", DateText.example)
    case .share: Self.value("[0-9]{1,3}%", "a share such as 90%")
    case .text, .userName: ["type": ["string", "number", "boolean"]]
    case .path:
      Self.value(
        "[^~].*", "a path, relative to the folder of the configuration", orNumber: true)
    case .mode:
      Self.value("0?[67][0-7]{2}", "permission bits such as \"0660\"", orNumber: true)
    case .secret: Self.value("(file|credential):.+", SecretReference.expected)
    case .url: Self.value("https?://[^@?#]+", "a URL such as https://schemas.example.net:8081")
    case .subject:
      Self.value(#".*\{(topic|message)\}.*"#, "a subject with {topic} or {message} in it")
    case .label: Self.name(.label, "A-Za-z0-9_-")
    case .table: Self.name(.table, "a-z0-9_")
    case .column: Self.name(.column, "A-Za-z0-9_")
    case .topic: Self.name(.topic, "A-Za-z0-9._-")
    case .message: Self.value(#"\.?"# + Self.pathPattern, "a full message name such as acme.Orbit")
    case .glob:
      Self.value(#"[^,\[\]{}\\ \t\n]+"#, "a name or a glob such as \"battery_*\"", orNumber: true)
    case .fieldPath: Self.value(Self.pathPattern, Format<String>.fieldPath.expected)
    case .deviceField, .attributeField:
      Self.value(
        Self.pathPattern + #"|\$key|\$header\..+"#, Format<String>.attributeField.expected)
    case .timeField:
      Self.value(
        Self.pathPattern + #"|\$timestamp|\$header\..+"#, Format<String>.timeField.expected)
    case .broker: Self.value(Self.hostPattern + "(:[0-9]{1,5})?", Format<String>.broker.expected)
    case .brokers:
      Self.value(
        #"\s*B(\s*,\s*B)*\s*"#.replacing("B", with: Self.hostPattern + "(:[0-9]{1,5})?"),
        "one text with commas, such as kafka-1:9092,kafka-2:9092")
    case .address:
      Self.value("none|\(Self.hostPattern):[0-9]{1,5}", Format<Endpoint?>.endpointOrNone.expected)
    case .webURL: Self.value("https?://[^@#]+", "a URL such as https://downlink.example.net")
    case .alertURL:
      Self.value(
        "https?://[^#]+|(file|credential):.+",
        "a URL such as https://alerts.example.net:9093, or file:PATH with one in it")
    case .protoFile: Self.value(#".+\.proto"#, "the name of a .proto file below the folder")
    }
  }

  // MARK: - Parts of patterns

  private static let number = #"[0-9]+(\.[0-9]{1,6})?"#
  private static let pathPattern = #"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"#
  private static let hostPattern = #"(\[[0-9A-Za-z_.%:]+\]|[0-9A-Za-z_.-]+)"#

  /// Each unit at most once, the larger first.
  private static var durationPattern: String {
    DurationText.unitNames.map { "(\(number)\($0))?" }.joined()
  }

  /// In capitals or not.
  private static var sizeUnits: String {
    ByteCountText.unitNames.map { name in
      name.map { "[\($0.lowercased())\($0.uppercased())]" }.joined()
    }.joined(separator: "|")
  }

  // MARK: - Definitions

  /// A text that the pattern covers from end to end, or one with a reference in it. Editors show
  /// `patternErrorMessage` (of no standard, and harmless) in the place of the pattern.
  private static func value(
    _ pattern: String, _ expected: String, orNumber: Bool = false
  ) -> JSONValue {
    [
      "type": orNumber ? ["string", "number"] : "string",
      "pattern": .string(#"^(\#(pattern))$|\$\{"#),
      "patternErrorMessage": .string("expected \(expected)"),
    ]
  }

  private static func text(_ pattern: String, _ about: String) -> JSONValue {
    ["type": "string", "pattern": .string(pattern), "description": .string(about)]
  }

  /// A measure with its unit; only 0 needs none.
  private static func orZero(_ pattern: String, _ expected: String) -> JSONValue {
    let text: JSONValue = [
      "type": "string", "pattern": .string(#"\#(pattern)|^0$|\$\{"#),
      "patternErrorMessage": .string("expected \(expected)"),
    ]
    return ["anyOf": [text, ["const": 0]]]
  }

  /// YAML takes a name of digits for a number; the program does not.
  private static func name(_ rule: NameRule, _ characters: String) -> JSONValue {
    [
      "type": ["string", "number"],
      "pattern": .string(#"^[\#(characters)]{1,\#(rule.byteCountMax)}$|\$\{"#),
      "patternErrorMessage": .string("expected a name of \(rule.allowed)"),
    ]
  }
}

extension Configuration {
  /// The JSON Schema (draft 2020-12) of the configuration, for editors: every key with what it
  /// means, its default, words, ranges and forms. `config/downlinkd.schema.json` is this text.
  ///
  /// What it refuses the program refuses too, but for two oddities: names that YAML takes for
  /// `true` or `false`, and booleans in quotes. What concerns the world, or keys that refer to each
  /// other by name, is for `check` to find.
  package static let jsonSchema: String = {
    var members = [
      JSONMember("$schema", "https://json-schema.org/draft/2020-12/schema"),
      JSONMember("title", "downlinkd.yaml"),
      JSONMember("description", "The configuration of downlinkd (docs/CONFIG.md)."),
    ]
    members += ValueShape.mapping(RootKey.self).members
    members.append(
      JSONMember(
        "$defs", .object(SchemaForm.allCases.map { JSONMember($0.rawValue, $0.json) })))
    return JSONValue.object(members).indentedText + "\n"
  }()
}

extension JSONValue {
  /// For people: what fits a line of 100 columns is one.
  var indentedText: String {
    var text = ""
    write(into: &text, indent: 0, column: 0)
    return text
  }

  private func write(into target: inout String, indent: Int, column: Int) {
    let line = spacedText
    let inner = "\n" + String(repeating: " ", count: indent + 2)
    switch self {
    case _ where column + line.count <= 99: target += line
    case .array(let elements):
      target += "["
      for (index, element) in elements.enumerated() {
        target += (index > 0 ? "," : "") + inner
        element.write(into: &target, indent: indent + 2, column: indent + 2)
      }
      target += inner.dropLast(2) + "]"
    case .object(let members):
      target += "{"
      for (index, member) in members.enumerated() {
        let name = JSONValue.string(member.name).text + ": "
        target += (index > 0 ? "," : "") + inner + name
        member.value.write(
          into: &target, indent: indent + 2, column: indent + 2 + name.count)
      }
      target += inner.dropLast(2) + "}"
    default: target += line
    }
  }

  /// On one line, with a space after commas and colons.
  private var spacedText: String {
    switch self {
    case .array(let elements): "[" + elements.map(\.spacedText).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.map { "\(JSONValue.string($0.name).text): \($0.value.spacedText)" }
        .joined(separator: ", ") + "}"
    default: text
    }
  }
}
