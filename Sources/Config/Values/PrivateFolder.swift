internal import Glibc

/// A new folder that only this user can read, below `TMPDIR` or `/tmp`; removed with the value, by
/// when whoever filled it must have emptied it.
struct PrivateFolder: ~Copyable {
  struct Failure: Error {
    /// Where it should have been.
    let parent: String
    let reason: String
  }

  let path: String

  /// - Parameter name: what its own name begins with.
  init(named name: String) throws(Failure) {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else {
      throw Failure(parent: parent, reason: Self.text(errno))
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { _ = unsafe rmdir(path) }

  /// What the system says of an error number.
  static func text(_ number: Int32) -> String {
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
  }
}
