internal import Base
internal import Decode

/// One schema as a registry sends it.
struct RegistrySchema: Equatable, Sendable {
  /// A file that this one imports.
  struct Reference: Equatable, Sendable {
    /// The path it is imported by.
    var name: String
    var subject: String
    var version: Int64
  }

  /// In which form the registry has sent a Protobuf schema.
  enum Content: Equatable, Sendable {
    /// The text of the `.proto` file.
    case text(String)
    /// A serialized `google.protobuf.FileDescriptorProto`.
    case fileDescriptor([UInt8])

    var byteCount: Int {
      switch self {
      case .text(let text): text.utf8.count
      case .fileDescriptor(let bytes): bytes.count
      }
    }
  }

  /// `PROTOBUF`, `AVRO`, `JSON`.
  var kind: String
  /// Of a subject's version; nil where the schema was asked for by its id.
  var id: Int64?
  var version: Int64?
  var references: [Reference]
  var content: Content

  /// Reads the answer from `url`.
  init(_ bytes: [UInt8], url: String) throws(RegistryError) {
    func garbled(_ detail: String) -> RegistryError {
      RegistryError(.garbled, url: url, detail: detail)
    }
    let document: JSONValue
    do {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw garbled("no JSON: \(error)")
    }
    guard let text = document["schema"]?.stringValue else { throw garbled("no member `schema`") }
    // Registries leave the kind out where it is Avro's.
    kind = document["schemaType"]?.stringValue ?? "AVRO"
    id = document["id"]?.int64Value
    version = document["version"]?.int64Value
    references = []
    for element in document["references"]?.arrayValue ?? [] {
      guard let name = element["name"]?.stringValue, let subject = element["subject"]?.stringValue,
        let version = element["version"]?.int64Value
      else { throw garbled("a reference without name, subject or version") }
      references.append(Reference(name: name, subject: subject, version: version))
    }
    // No Protobuf file is base64: it has spaces and semicolons.
    content = Base64Text.bytes(of: text).map { .fileDescriptor($0) } ?? .text(text)
  }

  /// What it means to whoever has met its id.
  var answer: SchemaAnswer {
    guard kind == "PROTOBUF" else { return .otherKind(PlainText.shown(kind)) }
    do throws(SchemaOutline.Fault) {
      switch content {
      case .text(let text): return .protobuf(try SchemaOutline(text: text))
      case .fileDescriptor(let bytes): return .protobuf(try SchemaOutline(fileDescriptor: bytes))
      }
    } catch {
      return .unreadable(PlainText.shown(error.problem))
    }
  }
}

/// Base64 as RFC 4648 section 4 has it, padded.
enum Base64Text {
  /// The bytes of a text; nil where it is none of base64's, or empty.
  static func bytes(of text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard !digits.isEmpty, digits.count.isMultiple(of: 4) else { return nil }
    let paddingCount = digits.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3)
    var word: UInt32 = 0
    for (index, digit) in digits.dropLast(paddingCount).enumerated() {
      guard let value = value(of: digit) else { return nil }
      word = word << 6 | value
      if index % 4 != 0 { bytes.append(UInt8(truncatingIfNeeded: word >> leftover(index % 4))) }
    }
    return bytes
  }

  /// Bits of the newest digits that belong to the next byte.
  private static func leftover(_ place: Int) -> UInt32 { UInt32(6 - 2 * place) }

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
