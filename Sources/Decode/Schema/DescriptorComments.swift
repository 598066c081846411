/// The comments of fields in a descriptor set: what `protoc --include_source_info` keeps of the
/// `.proto` files.
///
/// libprotobuf-c is not asked for them: it would unpack a location for every token of every file.
/// What is wanted is walked through here, and what makes no sense is passed over, since a comment
/// is never worth refusing a set.
///
/// Source: descriptor.proto, `SourceCodeInfo.Location`: `path` leads through fields and indexes of
/// `FileDescriptorProto`; 4 and 3 are messages in a file and in a message, 2 a message's fields.
enum DescriptorComments {
  /// Characters that are kept of one: it becomes a column's comment.
  static let characterCountMax = 1000
  /// Bytes of one that are looked at.
  private static let byteCountMax = 16 << 10

  /// Gives each field in `files` its comment, where there is one.
  ///
  /// - Parameter bytes: the set that the files were read from.
  static func add(from bytes: [UInt8], to files: inout [FileDeclaration]) {
    var file = 0
    forEachField(bytes, bytes.indices) { number, range in
      guard number == 1 else { return }
      if file < files.count { add(from: bytes, range, to: &files[file]) }
      file += 1
    }
  }

  private static func add(
    from bytes: [UInt8], _ range: Range<Int>, to file: inout FileDeclaration
  ) {
    forEachField(bytes, range) { number, info in
      guard number == 9 else { return }
      forEachField(bytes, info) { number, location in
        guard number == 1 else { return }
        var (path, leading, trailing) = (0..<0, 0..<0, 0..<0)
        forEachField(bytes, location) { number, range in
          switch number {
          case 1: path = range
          case 3: leading = range
          case 4: trailing = range
          default: break
          }
        }
        if leading.isEmpty, trailing.isEmpty { return }
        let steps = numbers(bytes, path)
        guard steps.count >= 4, steps.count % 2 == 0, steps[0] == 4, let last = steps.last,
          let comment = text(bytes, leading) ?? text(bytes, trailing)
        else { return }
        set(comment, at: steps.dropFirst().dropLast(), field: last, in: &file.messages)
      }
    }
  }

  /// - Parameter path: a message's index, pairs of 3 and an inner one's index, 2.
  private static func set(
    _ comment: String, at path: ArraySlice<Int>, field: Int,
    in messages: inout [MessageDeclaration]
  ) {
    guard let index = path.first, messages.indices.contains(index) else { return }
    let rest = path.dropFirst()
    if rest.count == 1, rest.first == 2, messages[index].fields.indices.contains(field) {
      messages[index].fields[field].comment = comment
    } else if rest.count > 1, rest.first == 3 {
      set(comment, at: rest.dropFirst(), field: field, in: &messages[index].messages)
    }
  }

  /// In one line, without what is no text; nil where nothing is left.
  private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
    let whole = String(decoding: bytes[range.prefix(byteCountMax)], as: UTF8.self)
    let words = whole.split { character in
      character.isWhitespace
        || character.unicodeScalars.allSatisfy { $0.properties.generalCategory == .control }
    }
    let line = words.joined(separator: " ")
    if line.isEmpty { return nil }
    return line.count <= characterCountMax ? line : line.prefix(characterCountMax - 1) + "…"
  }

  // MARK: - The wire

  /// Every length-delimited field of the message in `range`, up to where it makes no sense.
  private static func forEachField(
    _ bytes: [UInt8], _ range: Range<Int>, _ body: (_ number: UInt64, _ range: Range<Int>) -> Void
  ) {
    var rest = range
    while let key = varint(bytes, &rest) {
      switch key & 7 {
      case 0: if varint(bytes, &rest) == nil { return }
      case 1: rest = rest.dropFirst(8)
      case 5: rest = rest.dropFirst(4)
      case 2:
        guard let length = varint(bytes, &rest), length <= UInt64(rest.count) else { return }
        body(key >> 3, rest.prefix(Int(length)))
        rest = rest.dropFirst(Int(length))
      default: return
      }
    }
  }

  private static func numbers(_ bytes: [UInt8], _ range: Range<Int>) -> [Int] {
    var (rest, numbers) = (range, [Int]())
    while let number = varint(bytes, &rest) { numbers.append(Int(truncatingIfNeeded: number)) }
    return numbers
  }

  private static func varint(_ bytes: [UInt8], _ range: inout Range<Int>) -> UInt64? {
    var (value, shift): (UInt64, UInt64) = (0, 0)
    while let byte = range.first.map({ bytes[$0] }), shift < 64 {
      range = range.dropFirst()
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    return nil
  }
}
