internal import Glibc

/// Reads whole small files: the configuration, secrets, descriptor sets.
enum FileBytes {
  struct Failure: Error {
    /// `cannot read /etc/x: No such file or directory`.
    let message: String
  }

  /// The file's bytes; refused beyond `byteCountMax`, without reading more than one byte of excess.
  /// Pipes work (`/dev/fd/3`), so the size is not asked for beforehand.
  static func read(_ path: String, byteCountMax: Int) throws(Failure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        throw failure(path, code: code)
      }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= byteCountMax else {
        throw Failure(message: "\(path) has more than \(byteCountMax) bytes")
      }
    }
  }

  /// Whether there is something by this name, readable or not.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0
  }

  private static func failure(_ path: String, code: CInt) -> Failure {
    let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    return Failure(message: "cannot read \(path): \(reason)")
  }
}

/// Paths relative to the folder of the configuration file.
enum PathText {
  /// The folder of `file`, absolute.
  static func folder(of file: String) -> String {
    let absolute = file.hasPrefix("/") ? file : currentFolder() + "/" + file
    let slash = absolute.utf8.lastIndex(of: UInt8(ascii: "/")) ?? absolute.startIndex
    return normalized(String(absolute[..<slash]))
  }

  /// `path` as seen from `folder`. `..` is kept: folders may be symbolic links.
  static func resolve(_ path: String, in folder: String) -> String {
    normalized(path.hasPrefix("/") ? path : folder + "/" + path)
  }

  /// Without `.` parts, doubled and trailing slashes.
  private static func normalized(_ path: String) -> String {
    "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  private static func currentFolder() -> String {
    guard let buffer = unsafe getcwd(nil, 0) else { return "" }
    defer { unsafe free(buffer) }
    return unsafe String(cString: buffer)
  }
}
