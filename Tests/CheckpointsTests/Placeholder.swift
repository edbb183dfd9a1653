// Its owner replaces this file.
