/// The messages that one `.proto` file declares: their names and how they nest, nothing else.
///
/// Enough to say what the message indexes of a `ConfluentHeader` mean, without the file's imports
/// and without a compiler.
package struct SchemaOutline: Equatable, Sendable {
  /// A message in its place.
  struct Message: Equatable, Sendable {
    var name: String
    /// Made by the compiler for a field `map<…>`.
    var isMapEntry = false
    var nested: [Message] = []
  }

  /// Empty for a file without one.
  var package: String
  var messages: [Message]

  /// Why a schema cannot be read.
  package struct Fault: Error, Equatable, Sendable {
    package let problem: String
  }

  /// Messages deeper in each other than this are refused, as in descriptor sets.
  static let depthMax = 64

  /// The full names that a path of message indexes may mean; empty where it leads nowhere.
  ///
  /// There may be two. Serializers that count in a descriptor (Python, Go, .NET) count the entry
  /// types of maps among a message's nested types, those that count in the text (Java) do not; so
  /// behind a map field the two differ, and nothing in a record says which was meant.
  package func names(at indexes: [Int]) -> [String] {
    var names: [String] = []
    for countsMapEntries in [true, false] {
      if let name = name(at: indexes, countsMapEntries: countsMapEntries), !names.contains(name) {
        names.append(name)
      }
    }
    return names
  }

  private func name(at indexes: [Int], countsMapEntries: Bool) -> String? {
    var scope = messages
    var parts = package.isEmpty ? [] : [package]
    for index in indexes {
      let candidates = countsMapEntries ? scope : scope.filter { !$0.isMapEntry }
      guard candidates.indices.contains(index) else { return nil }
      parts.append(candidates[index].name)
      scope = candidates[index].nested
    }
    return parts.joined(separator: ".")
  }
}

// MARK: - From a descriptor

extension SchemaOutline {
  /// Reads a serialized `google.protobuf.FileDescriptorProto`.
  package init(fileDescriptor bytes: [UInt8]) throws(Fault) {
    self.init(package: "", messages: [])
    var reader = DescriptorReader(bytes[...])
    while let field = try reader.next() {
      switch field.number {
      case 2: package = String(decoding: field.bytes, as: UTF8.self)
      case 4: messages.append(try Self.message(field.bytes, depth: 1))
      default: break
      }
    }
  }

  /// The files that a serialized `google.protobuf.FileDescriptorProto` imports.
  package static func imports(ofFileDescriptor bytes: [UInt8]) throws(Fault) -> [String] {
    var imports: [String] = []
    var reader = DescriptorReader(bytes[...])
    while let field = try reader.next() {
      if field.number == 3 { imports.append(String(decoding: field.bytes, as: UTF8.self)) }
    }
    return imports
  }

  /// Reads a `google.protobuf.DescriptorProto`.
  private static func message(_ bytes: ArraySlice<UInt8>, depth: Int) throws(Fault) -> Message {
    guard depth <= depthMax else {
      throw Fault(problem: "messages lie more than \(depthMax) deep in each other")
    }
    var message = Message(name: "")
    var reader = DescriptorReader(bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1: message.name = String(decoding: field.bytes, as: UTF8.self)
      case 3: message.nested.append(try self.message(field.bytes, depth: depth + 1))
      case 7:
        var options = DescriptorReader(field.bytes)
        while let option = try options.next() {
          if option.number == 7 { message.isMapEntry = option.word != 0 }
        }
      default: break
      }
    }
    return message
  }
}

/// Reads the fields of one message on the wire, whatever they are; groups, which descriptors have
/// none of, are refused.
private struct DescriptorReader {
  struct Field {
    var number: UInt64
    /// Of a varint; 0 for other wire types.
    var word: UInt64 = 0
    /// Of a length-delimited field; empty for other wire types.
    var bytes: ArraySlice<UInt8> = []
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func next() throws(SchemaOutline.Fault) -> Field? {
    if rest.isEmpty { return nil }
    let tag = try varint()
    var field = Field(number: tag >> 3)
    switch tag & 7 {
    case 0: field.word = try varint()
    case 1: _ = try take(8)
    case 2: field.bytes = try take(varint())
    case 5: _ = try take(4)
    default: throw SchemaOutline.Fault(problem: "it is no descriptor: wire type \(tag & 7)")
    }
    return field
  }

  private mutating func varint() throws(SchemaOutline.Fault) -> UInt64 {
    var word: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { break }
      word |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return word }
    }
    throw SchemaOutline.Fault(problem: "it is no descriptor: a number does not end")
  }

  private mutating func take(_ count: UInt64) throws(SchemaOutline.Fault) -> ArraySlice<UInt8> {
    guard count <= UInt64(rest.count) else {
      throw SchemaOutline.Fault(problem: "the descriptor is cut short")
    }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }
}
