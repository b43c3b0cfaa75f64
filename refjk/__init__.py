"""refjk: Tomcat 5.5 clustering behind mod_jk as an executable specification."""

__version__ = "0.1.0"
