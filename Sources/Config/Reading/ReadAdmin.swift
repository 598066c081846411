enum AdminKey: String, ConfigKey { case socket, mode }

extension Configuration.Admin {
  init(_ section: Section<AdminKey>) {
    socket = section.value(.socket, default: .auto, .adminSocket(in: section.reading.folder))
    mode = section.value(.mode, default: Default.adminMode, .fileMode)
  }
}

extension Format where Value == Configuration.Admin.Place {
  /// `auto`, `none`, or a path.
  fileprivate static func adminSocket(in folder: String) -> Self {
    let path = Format<String>.path(in: folder)
    return Format(expected: "auto, none, or the path of a socket") { (scalar) throws(ValueFault) in
      switch scalar.text {
      case "auto": return .auto
      case "none": return .none
      default:
        let path = try path.read(scalar)
        guard path.utf8.count <= Allowed.socketPathByteCountMax else {
          throw ValueFault(
            "has \(path.utf8.count) bytes; the path of a socket has at most"
              + " \(Allowed.socketPathByteCountMax)")
        }
        return .path(path)
      }
    }
  }
}

extension Format where Value == UInt32 {
  /// Permission bits in octal digits; whoever owns the file must be able to use it.
  fileprivate static var fileMode: Format<UInt32> {
    let expected = "permission bits such as \"0660\""
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      guard (3...4).contains(scalar.text.utf8.count), let mode = UInt32(scalar.text, radix: 8),
        mode <= 0o777
      else { throw ValueFault("is not of the form 0660; expected \(expected)") }
      guard mode & 0o600 == 0o600 else {
        throw ValueFault("keeps its owner out; expected \(expected)")
      }
      return mode
    }
  }
}
