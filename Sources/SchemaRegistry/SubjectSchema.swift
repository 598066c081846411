internal import Base
internal import Decode

/// A subject's schema with all that it imports: what a source's message type is compiled from where
/// the configuration has no definition of its own.
package struct SubjectSchema: Sendable {
  /// A `.proto` file.
  package struct File: Equatable, Sendable {
    /// The path by which others import it.
    package let name: String
    package let text: String
  }

  /// In which form the registry has it.
  package enum Form: Sendable {
    /// A serialized `google.protobuf.FileDescriptorSet`, imports first.
    case descriptorSet([UInt8])
    /// Text to be compiled, imports first, the schema's own file last.
    case files([File])
  }

  package let subject: String
  package let version: Int64
  package let form: Form

  /// Files that one schema may come to, imports included.
  static let fileCountMax = 1000
  /// Bytes that they may come to.
  static let byteCountMax = 64 << 20
  /// Milliseconds that asking for all of them may take, but for the request at hand.
  static let totalMillisMax = 120_000
  /// Imports deeper in each other than that are refused.
  static let depthMax = 64

  /// Asks a registry for the latest version of a subject. Blocks for one request a file, each with
  /// the options' timeout, and two minutes in all.
  package static func latest(
    of subject: String, _ options: RegistryOptions
  ) throws(RegistryError) -> SubjectSchema {
    try latest(of: subject, options, byteCountMax: byteCountMax)
  }

  static func latest(
    of subject: String, _ options: RegistryOptions, byteCountMax: Int
  ) throws(RegistryError) -> SubjectSchema {
    let client = RegistryClient(options)
    let main = try client.schema(subject: subject, version: "latest")
    var gathering = Gathering(subject: subject, byteCountMax: byteCountMax)
    // A name that no import can have.
    try gathering.add(main, named: "\(subject).proto", depth: 0, client)
    return SubjectSchema(
      subject: subject, version: main.version ?? 0, form: try gathering.form(options.url))
  }

  /// The files of one schema, imports before those that import them.
  private struct Gathering {
    private let subject: String
    private var files: [(name: String, content: RegistrySchema.Content)] = []
    private var known: Set<String> = []
    private var byteCount = 0
    private let byteCountMax: Int
    private let began = MonotonicClock.nowNanos()

    init(subject: String, byteCountMax: Int) {
      self.subject = subject
      self.byteCountMax = byteCountMax
    }

    mutating func add(
      _ schema: RegistrySchema, named name: String, depth: Int, _ client: borrowing RegistryClient
    ) throws(RegistryError) {
      guard schema.kind == "PROTOBUF" else {
        throw garbled(
          "\(PlainText.shown(name)) is of the kind \(PlainText.shown(schema.kind)), not PROTOBUF")
      }
      guard known.insert(name).inserted else { return }
      guard depth <= SubjectSchema.depthMax, known.count <= SubjectSchema.fileCountMax else {
        throw garbled("it imports more files, or deeper, than any schema does")
      }
      byteCount += schema.content.byteCount
      guard byteCount <= byteCountMax else {
        throw garbled("with its imports it has more than \(byteCountMax) bytes")
      }
      for reference in schema.references where !known.contains(reference.name) {
        guard (MonotonicClock.nowNanos() - began) / 1_000_000 < SubjectSchema.totalMillisMax else {
          throw RegistryError(
            .noAnswer, url: subject, detail: "its imports took more than two minutes")
        }
        let imported = try client.schema(
          subject: reference.subject, version: String(reference.version))
        try add(imported, named: reference.name, depth: depth + 1, client)
      }
      files.append((name, schema.content))
    }

    func form(_ url: String) throws(RegistryError) -> Form {
      var texts: [File] = []
      var descriptors: [(name: String, bytes: [UInt8])] = []
      for file in files {
        switch file.content {
        case .text(let text): texts.append(File(name: file.name, text: text))
        case .fileDescriptor(let bytes): descriptors.append((file.name, bytes))
        }
      }
      if descriptors.isEmpty { return .files(texts) }
      guard texts.isEmpty else { throw garbled("some files come as text and some serialized") }
      return .descriptorSet(FileDescriptorSet.bytes(of: descriptors))
    }

    private func garbled(_ detail: String) -> RegistryError {
      RegistryError(.garbled, url: subject, detail: detail)
    }
  }
}

/// Puts file descriptors together to a set.
enum FileDescriptorSet {
  /// The set of these files, and of Protobuf's own ones that they import and that are not among
  /// them: registries do not keep those.
  static func bytes(of files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    var set: [UInt8] = []
    var present = Set(files.map(\.name))
    for file in files {
      let imports = (try? SchemaOutline.imports(ofFileDescriptor: file.bytes)) ?? []
      for name in imports where !present.contains(name) {
        guard let own = WellKnownFiles.descriptor(of: name) else { continue }
        present.insert(name)
        append(own, to: &set)
      }
      // A registry names a file as it likes; importers know it by this name. A field that stands
      // twice has its last value.
      append(file.bytes + field(1, Array(file.name.utf8)), to: &set)
    }
    return set
  }

  private static func append(_ file: [UInt8], to set: inout [UInt8]) { set += field(1, file) }

  /// A length-delimited field.
  static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    var field = [number << 3 | 2]
    var count = bytes.count
    while count > 0x7F {
      field.append(UInt8(truncatingIfNeeded: count) | 0x80)
      count >>= 7
    }
    field.append(UInt8(count))
    return field + bytes
  }
}
