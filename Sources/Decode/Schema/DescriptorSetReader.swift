import CProtobufC
import CTelemetryProto

/// Reads the bytes of a `google.protobuf.FileDescriptorSet`: what protoc writes with
/// `--descriptor_set_out`.
///
/// libprotobuf-c does the unpacking, behind the same scan that stands before records, because it
/// recurses without bound and says nothing about why it refuses. What is not needed (options
/// of other people) it skips; comments are read by `DescriptorComments`.
///
/// **Invariants:** every byte string gives files or an error, in memory that is bounded.
enum DescriptorSetReader {
  /// Largest set that is read, in bytes: those of large companies have a few million.
  static let byteCountMax = 16 << 20
  /// Memory for unpacking a set, which is given back afterwards.
  private static let unpackByteCountMax = 512 << 20

  private static let type = unsafe SchemaPool(generated: downlink_file_descriptor_set())
    .messageTypes[0]
  private static let scan = ScanTable(type)

  /// The files of a set, as they are declared.
  static func read(
    _ bytes: [UInt8], path: String
  ) throws(DescriptorSetError) -> [FileDeclaration] {
    guard !bytes.isEmpty else {
      throw DescriptorSetError(
        path: path, problem: "the file is empty", suggestion: DescriptorSetError.remedy)
    }
    guard bytes.count <= byteCountMax else {
      throw DescriptorSetError(
        path: path, problem: "\(bytes.count) bytes are more than \(byteCountMax)",
        suggestion: "leave out files that no source needs, and --include_source_info")
    }
    var bytes = bytes
    if let problem = scanned(&bytes) {
      let isText = bytes.prefix(64).allSatisfy { $0 >= 0x20 && $0 < 0x7F || 9...13 ~= $0 }
      throw DescriptorSetError(
        path: path,
        problem: isText ? "this is text, and a descriptor set is what protoc makes of it" : problem,
        suggestion: DescriptorSetError.remedy)
    }
    guard var files = unpacked(bytes) else {
      throw DescriptorSetError(
        path: path, problem: "unpacking the set needs more memory than allowed",
        suggestion: "leave out files that no source needs")
    }
    DescriptorComments.add(from: bytes, to: &files)
    return files
  }

  /// What is wrong with the structure; groups, which only options of other people have, are masked.
  private static func scanned(_ bytes: inout [UInt8]) -> String? {
    var findings = WireFindings()
    if let fault = unsafe WireScanner.scan(bytes.span.bytes, table: scan, into: &findings)
      ?? findings.contentFault
    {
      return fault.reason == .truncated
        ? "the descriptor set is cut short: it ends inside a field at byte \(fault.filePosition)"
        : "this is no descriptor set: byte \(fault.filePosition) is not what one has there"
    }
    if !findings.groups.isEmpty {
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes
      GroupMask.apply(findings.groups, to: &raw)
    }
    return nil
  }

  /// nil if libprotobuf-c wants more memory than allowed: what was scanned it accepts otherwise.
  private static func unpacked(_ bytes: [UInt8]) -> [FileDeclaration]? {
    let arena = Arena(byteCountMax: unpackByteCountMax)
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      guard
        let message = unsafe protobuf_c_message_unpack(
          downlink_file_descriptor_set(), arena.allocator, bytes.count, bytes.baseAddress)
      else { return nil }
      let set = unsafe UnsafeRawPointer(message)
        .assumingMemoryBound(to: Downlink__Descriptor__FileDescriptorSet.self)
      return unsafe list(set.pointee.n_file, set.pointee.file) { unsafe FileDeclaration($0) }
    }
  }
}

// What libprotobuf-c unpacked: a pointer is null where something is absent, an array has as many
// elements as its count says, and a string ends with a NUL.

private typealias CFile = Downlink__Descriptor__FileDescriptorProto
private typealias CMessage = Downlink__Descriptor__DescriptorProto
private typealias CField = Downlink__Descriptor__FieldDescriptorProto
private typealias COneof = Downlink__Descriptor__OneofDescriptorProto
private typealias CEnum = Downlink__Descriptor__EnumDescriptorProto
private typealias CFeatures = Downlink__Descriptor__FeatureSet

@unsafe
private func list<Element, Value>(
  _ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<Element>?>?,
  _ value: (Element) -> Value
) -> [Value] {
  guard let start = unsafe start else { return [] }
  return (0..<count).compactMap { index in
    guard let element = unsafe start[index] else { return nil }
    return unsafe value(element.pointee)
  }
}

@unsafe
private func text(_ start: UnsafeMutablePointer<CChar>?) -> String {
  guard let start = unsafe start else { return "" }
  return unsafe String(cString: start)
}

private func number(_ has: protobuf_c_boolean, _ number: Int32) -> Int32? {
  has == 0 ? nil : number
}

extension FileDeclaration {
  fileprivate init(_ file: CFile) {
    unsafe self.init(
      name: text(file.name), package: text(file.package),
      dependencies: [], messages: list(file.n_message_type, file.message_type) {
        unsafe MessageDeclaration($0)
      },
      enums: list(file.n_enum_type, file.enum_type) { unsafe EnumDeclaration($0) },
      syntax: text(file.syntax), edition: number(file.has_edition, file.edition),
      features: FeatureChoices(file.options?.pointee.features))
    if let start = unsafe file.dependency {
      dependencies = unsafe (0..<file.n_dependency).map { unsafe text(start[$0]) }
    }
  }
}

extension MessageDeclaration {
  fileprivate init(_ message: CMessage) {
    unsafe self.init(
      name: text(message.name),
      fields: list(message.n_field, message.field) { unsafe FieldDeclaration($0) },
      messages: list(message.n_nested_type, message.nested_type) {
        unsafe MessageDeclaration($0)
      },
      enums: list(message.n_enum_type, message.enum_type) { unsafe EnumDeclaration($0) },
      oneofs: list(message.n_oneof_decl, message.oneof_decl) { unsafe OneofDeclaration($0) },
      isMapEntry: message.options.map { unsafe $0.pointee.map_entry != 0 } ?? false,
      features: FeatureChoices(message.options?.pointee.features))
  }
}

extension FieldDeclaration {
  fileprivate init(_ field: CField) {
    unsafe self.init(
      name: text(field.name), number: Decode.number(field.has_number, field.number),
      label: Decode.number(field.has_label, field.label),
      type: Decode.number(field.has_type, field.type), typeName: text(field.type_name),
      oneofIndex: Decode.number(field.has_oneof_index, field.oneof_index),
      isProto3Optional: field.proto3_optional != 0,
      isPacked: field.options.flatMap { options in
        unsafe options.pointee.has_packed == 0 ? nil : options.pointee.packed != 0
      },
      features: FeatureChoices(field.options?.pointee.features))
  }
}

extension OneofDeclaration {
  fileprivate init(_ oneof: COneof) {
    unsafe self.init(
      name: text(oneof.name), features: FeatureChoices(oneof.options?.pointee.features))
  }
}

extension EnumDeclaration {
  fileprivate init(_ type: CEnum) {
    unsafe self.init(
      name: text(type.name),
      values: list(type.n_value, type.value) { unsafe (text($0.name), $0.number) },
      allowsAlias: type.options.map { unsafe $0.pointee.allow_alias != 0 } ?? false,
      features: FeatureChoices(type.options?.pointee.features))
  }
}

extension FeatureChoices {
  fileprivate init(_ set: UnsafeMutablePointer<CFeatures>?) {
    guard let set = unsafe set?.pointee else {
      self.init()
      return
    }
    unsafe self.init(
      presence: number(set.has_field_presence, set.field_presence),
      enumType: number(set.has_enum_type, set.enum_type),
      repeatedEncoding: number(set.has_repeated_field_encoding, set.repeated_field_encoding),
      utf8Validation: number(set.has_utf8_validation, set.utf8_validation),
      messageEncoding: number(set.has_message_encoding, set.message_encoding))
  }
}
