import Base
import Glibc
import Storage
import Testing

@Suite struct POSIXStorageTests {
  @Test func `no temporary file is left behind`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("a/x", [1])
    _ = try storage.putIfAbsent("a/x", [2])
    let file = try storage.create("a/y")
    try file.close(sync: false)
    #expect(names(in: root.path).sorted() == ["a"])
    #expect(names(in: root.path + "/a").sorted() == ["x", "y"])
    let open = try storage.create("a/z")
    #expect(names(in: root.path + "/a").count == 3)
    #expect(try storage.list("a") == ["x", "y"])
    open.discard()
    #expect(names(in: root.path + "/a").count == 2)
  }

  @Test func `a temporary file left by a crash does not disturb`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("a/x", [1])
    for count in 1...64 { try touch(root.path + "/a/.tmp-\(getpid())-\(count)-0") }
    #expect(try storage.putIfAbsent("a/y", [2]) == .stored)
    #expect(try storage.list("a") == ["x", "y"])
  }

  @Test func `unfinished files of crashed writers are removed once they are old`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("a/x", [1])
    for count in 1...3 { try touch(root.path + "/a/.tmp-1-\(count)-0") }
    #expect(try storage.removeUnfinished(in: "a", ageSecondsMin: 3600) == 0)
    #expect(try storage.removeUnfinished(in: "absent", ageSecondsMin: 0) == 0)
    #expect(try storage.removeUnfinished(in: "a", ageSecondsMin: 0) == 3)
    #expect(names(in: root.path + "/a") == ["x"])
  }

  @Test func `a writer whose unfinished file was removed fails and leaves nothing`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    let file = try storage.create("a/x")
    #expect(try storage.removeUnfinished(in: "a", ageSecondsMin: 0) == 1)
    let error = #expect(throws: StorageError.self) { try file.close(sync: true) }
    #expect(error?.kind == .notFound)
    #expect(try storage.list("a") == [])
  }

  @Test func `folders of partition values go when they are empty, and no others`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("t/event_date=2026-01-01/x", [1])
    _ = try storage.putIfAbsent("t/plain/x", [1])
    #expect(try !storage.removeFolderIfEmpty("t/event_date=2026-01-01"))
    try storage.delete("t/event_date=2026-01-01/x")
    try storage.delete("t/plain/x")
    #expect(try storage.removeFolderIfEmpty("t/event_date=2026-01-01"))
    #expect(try storage.removeFolderIfEmpty("t/event_date=2026-01-01"), "it is gone already")
    #expect(try !storage.removeFolderIfEmpty("t/plain"))
    #expect(names(in: root.path + "/t") == ["plain"])
    // A file that is being written holds its folder.
    let file = try storage.create("t/event_date=2026-01-01/y")
    #expect(try !storage.removeFolderIfEmpty("t/event_date=2026-01-01"))
    try file.close(sync: false)
    #expect(try storage.list("t/event_date=2026-01-01") == ["y"])
    #expect(try storage.ageSeconds("t/event_date=2026-01-01/y") < 60)
    #expect(throws: StorageError.self) { try storage.ageSeconds("t/none") }
  }

  @Test func `a writer and one who removes empty folders do not disturb each other`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    let sweeper = try root.open()
    let written = Monitor((isDone: false, fileCount: 0))
    let thread = WorkerThread(name: "sweeps") {
      var fileCount = 0
      var roundCount = 0
      while case let now = written.update({ $0 }), !now.isDone {
        if now.fileCount != fileCount { (fileCount, roundCount) = (now.fileCount, 0) }
        roundCount += 1
        // Where making two folders and a file takes longer than removing them, one who never rests
        // wins as often as the writer tries.
        if roundCount <= 100 {
          _ = try? sweeper.removeFolderIfEmpty("t/a=1/b=2")
          _ = try? sweeper.removeFolderIfEmpty("t/a=1")
        }
        usleep(100)
      }
    }
    defer {
      written.update { $0.isDone = true }
      thread.join()
    }
    for number in 0..<300 {
      let file = try storage.create("t/a=1/b=2/\(number)")
      try file.close(sync: false)
      try storage.syncFolder("t/a=1/b=2")
      try storage.delete("t/a=1/b=2/\(number)")
      written.update { $0.fileCount += 1 }
    }
  }

  @Test func `a folder removed by another program is made again`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("t/d/x", [1])
    try storage.delete("t/d/x")
    #expect(removeFolder(root.path + "/t/d"))
    #expect(removeFolder(root.path + "/t"))
    #expect(try storage.putIfAbsent("t/d/x", [2]) == .stored)
    #expect(try storage.read("t/d/x") == [2])
  }

  @Test func `modes honour the umask and shut others out`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("a/x", [1])
    let mask = umask(0)
    umask(mask)
    #expect(try mode(root.path + "/a/x") == 0o640 & ~mask)
    #expect(try mode(root.path + "/a") == 0o750 & ~mask)
  }

  @Test func `two instances on one root see each other's files`() throws {
    let root = TemporaryRoot()
    let first = try root.open()
    let second = try root.open()
    #expect(try first.putIfAbsent("l/0", [1]) == .stored)
    #expect(try second.putIfAbsent("l/0", [2]) == .alreadyExists)
    #expect(try second.read("l/0") == [1])
  }

  @Test func `a root that is a file, or lies below one, is refused with its path`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    _ = try storage.putIfAbsent("file", [])
    for path in [root.path + "/file", root.path + "/file/below"] {
      let error = #expect(throws: StorageError.self) { try POSIXStorage(root: path) }
      #expect(error?.kind == .notFound)
      #expect(error?.description.contains(path) == true)
    }
    #expect(throws: StorageError.self) { try POSIXStorage(root: "") }
  }

  @Test func `reading only makes and changes nothing`() throws {
    let root = TemporaryRoot()
    let absent = #expect(throws: StorageError.self) {
      try POSIXStorage(root: root.path, access: .readOnly)
    }
    #expect(absent?.kind == .notFound)
    let storage = try root.open()
    _ = try storage.putIfAbsent("x", [1])
    let reader = try POSIXStorage(root: root.path, access: .readOnly)
    #expect(try reader.read("x") == [1])
  }

  @Test func `a root where no file can be made is refused with its path`() throws {
    // procfs takes no new files: the probe cannot even begin there.
    let error = #expect(throws: StorageError.self) { try POSIXStorage(root: "/proc/self") }
    #expect(error?.operation == .open)
    #expect(error?.path == "/proc/self")
  }

  @Test func `an error names operation, path, cause and remedy`() throws {
    let root = TemporaryRoot()
    let storage = try root.open()
    let error = #expect(throws: StorageError.self) { try storage.read("a/b") }
    let expected =
      "cannot read “a/b”: No such file or directory (errno 2); check that nothing but this "
      + "program removes files under the root"
    #expect(error?.description == expected)
  }

  private func names(in path: String) -> [String] {
    guard let stream = unsafe opendir(path) else { return [] }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
        unsafe String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  private func removeFolder(_ path: String) -> Bool { unsafe rmdir(path) == 0 }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(unsafe lstat(path, &status) == 0)
    return status.st_mode & 0o777
  }

  private func touch(_ path: String) throws {
    let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
    try #require(descriptor >= 0)
    close(descriptor)
  }
}
