"""Message templates of our numbers, as Meta or a BSP lists them: asked every hour."""
