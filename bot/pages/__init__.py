"""What a browser gets: templates, styles and scripts, and the small modules that serve them. No money and no dialog."""
