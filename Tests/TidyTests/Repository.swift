import Glibc

/// One text file of the repository.
struct TextFile: Sendable {
  /// Path below the repository's root.
  let path: String
  let lines: [String]
  /// Of a Swift file; else empty.
  let swift: SwiftText

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    swift = SwiftText(lines: path.hasSuffix(".swift") ? lines : [])
  }

  var name: Substring { path.split(separator: "/").last ?? "" }
  var isSwift: Bool { path.hasSuffix(".swift") }

  /// The module a file under `Sources` belongs to, else nil.
  var module: Substring? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? parts[1] : nil
  }
}

/// The files of the checkout this test was compiled in, read once.
///
/// Glibc and no Foundation, so that this test binary is what the rules ask of the program.
enum Repository {
  static let files: [TextFile] = readAll()
  static let swiftFiles: [TextFile] = files.filter(\.isSwift)
  static let sources: [TextFile] = swiftFiles.filter { $0.module != nil }

  /// The folder above `Tests/TidyTests`, links resolved.
  static let root: String = {
    let resolved = unsafe realpath(#filePath, nil)
    defer { unsafe free(resolved) }
    let path = unsafe resolved.map { unsafe String(cString: $0) } ?? #filePath
    return "/" + path.split(separator: "/").dropLast(3).joined(separator: "/")
  }()

  /// Not ours, or made by the build; `.gitignore` names the same.
  private static func isSkipped(_ name: String) -> Bool {
    name == ".git" || name == ".venv" || name == "data" || name == "__pycache__"
      || name.hasPrefix(".build")
  }

  private static func readAll() -> [TextFile] {
    var files: [TextFile] = []
    var folders = [""]
    while let folder = folders.popLast() {
      for name in names(in: "\(root)/\(folder)") where !isSkipped(name) {
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        if isFolder("\(root)/\(path)") {
          folders.append(path)
        } else if let text = text(of: "\(root)/\(path)") {
          files.append(TextFile(path: path, text: text))
        }
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  private static func names(in folder: String) -> [String] {
    guard let handle = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(handle) }
    var names: [String] = []
    while let entry = unsafe readdir(handle) {
      // d_name is a C array, which Swift imports as a tuple; the entry's bytes hold it whole.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    // lstat: a link to a folder is not followed, or a loop would never end.
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The file as text, or nil where it is not UTF-8 or holds a NUL.
  private static func text(of path: String) -> String? {
    guard let file = unsafe fopen(path, "rb") else { return nil }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { room in
        unsafe fread(room.baseAddress, 1, room.count, file)
      }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }
}
