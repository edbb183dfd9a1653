@main struct Placeholder { static func main() {} }  // Its owner replaces this file.
